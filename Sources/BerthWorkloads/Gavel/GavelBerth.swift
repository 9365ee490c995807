import BerthPlanner

/// Berth's own policy under the protocol: `ThroughputAllocation` at each border, for what the mode measures.
struct GavelBerth: GavelRoundPlanner {
    private let workload: GavelWorkload
    private let objective: ThroughputObjective

    init(_ workload: GavelWorkload, mode: GavelWorkload.Mode) {
        self.workload = workload
        objective =
            switch mode {
            case .makespan: .makespan
            case .continuous: .completionTime
            }
    }

    func plan(_ active: [ActiveJob], now: Double) -> [ThroughputPlacement?] {
        let jobs = active.map { workload.throughputJob($0.job, remainingSteps: $0.remainingSteps) }
        return ThroughputAllocation.plan(
            jobs, capacities: workload.cluster.capacities, objective: objective, shared: workload.speeds.shared)
    }
}
