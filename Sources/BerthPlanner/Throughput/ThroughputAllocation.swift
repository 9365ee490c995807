/// What a plan of device types is to bring about.
public enum ThroughputObjective: Hashable, Sendable {
    /// The last job ends as early as can be.
    case makespan
    /// Jobs end early on average.
    case completionTime
}

/// Which type of device each job runs on in the next round, where speeds are known by type.
///
/// Planned anew at each border of a round from what is left to do, so that no error lasts.
public enum ThroughputAllocation {
    /// Places for the next round. Pure and deterministic: ties go to the earlier job, then to the earlier type.
    ///
    /// - Parameters:
    ///   - jobs: those that can run now, in an order that the caller keeps from round to round.
    ///   - capacities: devices by type, at least 0.
    ///   - objective: what the plan is for. `makespan` shares no devices.
    ///   - shared: measured speeds of two jobs on the same devices; nil where each has its devices to itself.
    /// - Returns: a place for each job, or nil where it waits. The devices of a type are never exceeded; a job holds
    ///   all its devices on one type; partners name each other and have equally many devices.
    /// - Complexity: for n jobs, r of them running, and W types: O(n·W² + n·W·log(nW)) for each of some 15 steps for
    ///   `makespan`; O(n·W·log(nW)) for `completionTime`, and O(n·r) more with sharing.
    public static func plan(
        _ jobs: [ThroughputJob], capacities: [Int], objective: ThroughputObjective, shared: SharedThroughput? = nil
    ) -> [ThroughputPlacement?] {
        switch objective {
        case .makespan: MakespanRound(jobs, capacities: capacities).places
        case .completionTime: CompletionRound(jobs, capacities: capacities, shared: shared).places
        }
    }
}
