import BerthPlanner

/// The published least attained service, blind to types: each job is due an equal share of the cluster's GPU time.
///
/// A share is time on any type, at most 1: min(1, level / gang), with the level at which the shares fill the
/// cluster. Where the published solver leaves open how a share is spread, it is spread evenly over all GPUs.
/// Source: `scheduler/policies/max_min_fairness.py` at github.com/stanford-futuredata/gavel (commit c4fa400).
struct GavelLAS: GavelRoundPlanner {
    private let capacities: [Int]
    private var shares: GavelShares

    init(_ workload: GavelWorkload) {
        capacities = workload.cluster.capacities
        shares = GavelShares(workload)
    }

    mutating func plan(_ active: [ActiveJob], now: Double) -> [ThroughputPlacement?] {
        if shares.isDue(active, now: now) {
            let capacity = Double(capacities.reduce(0, +))
            let level = Self.level(of: active.map { Double($0.job.gang) }, filling: capacity)
            let rows = active.map { job in
                capacities.map { min(1, level / Double(job.job.gang)) * Double($0) / capacity }
            }
            shares.reset(active, to: rows, now: now)
        }
        return shares.places(active)
    }

    /// The level at which gangs that each take min(gang, level) fill the capacity.
    private static func level(of gangs: [Double], filling capacity: Double) -> Double {
        var left = capacity
        var sharers = gangs.count
        for gang in gangs.sorted() {
            let level = left / Double(sharers)
            if level <= gang { return level }
            left -= gang
            sharers -= 1
        }
        return gangs.max() ?? 1
    }
}
