import BerthModel

extension SimulationRun {
    /// Slowdowns are measured against runs of at least so many seconds.
    private static let thresholdSeconds = 10.0

    /// What came of a history's tasks, in figures.
    init(_ outcome: JournalOutcome, of workload: JournalWorkload, label: String) {
        let first = workload.jobs.first?.submitTime ?? .epoch
        let last = outcome.stretches.map(\.end).max() ?? first
        let coreSeconds = outcome.stretches.reduce(0) { $0 + $1.coreSeconds }
        let waits = outcome.courses.map { ($0.firstStart - $0.submitTime).inSeconds }
        let flows = outcome.courses.map { ($0.endTime - $0.submitTime).inSeconds }
        let slowdowns = zip(flows, outcome.courses).map { flow, course in
            max(1, flow / max(Self.thresholdSeconds, course.runTime.inSeconds))
        }
        let unfinished = workload.jobs.reduce(0) { $0 + $1.tasks.count } - outcome.courses.count
        self.init(
            label: label,
            metrics: [
                Metric("jobs", Double(workload.jobs.count)),
                Metric("tasks", Double(outcome.courses.count)),
                Metric("meanWaitSeconds", Self.mean(waits)),
                Metric("maximumWaitSeconds", waits.max() ?? .nan),
                Metric("averageBoundedSlowdown", Self.mean(slowdowns)),
                Metric("meanFlowSeconds", Self.mean(flows)),
                Metric("utilization", coreSeconds / (Double(workload.fleet.cores) * (last - first).inSeconds)),
                Metric("preemptions", Double(outcome.preemptions)),
                Metric("lostWorkSeconds", outcome.lostWork.inSeconds),
                Metric("leftOut", Double(workload.leftOut + unfinished)),
            ] + (outcome.energyJoules.map { [Metric("gpuEnergyKilojoules", $0 / 1000)] } ?? []),
            schedule: Schedule(
                unit: "cores", capacity: Double(workload.fleet.cores),
                entries: outcome.stretches.map { Schedule.Entry($0, since: first) }))
    }

    private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
}

extension JournalOutcome.Stretch {
    fileprivate var coreSeconds: Double { Double(allocation.coreCount) * (end - start).inSeconds }
}

extension Schedule.Entry {
    fileprivate init(_ stretch: JournalOutcome.Stretch, since first: Timestamp) {
        self.init(
            job: stretch.task.description, start: (stretch.start - first).inSeconds,
            end: (stretch.end - first).inSeconds, width: Double(stretch.allocation.coreCount),
            machine: stretch.allocation.node.text)
    }
}
