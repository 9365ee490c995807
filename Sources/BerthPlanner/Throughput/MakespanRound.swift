/// A round on the way to the shortest makespan: devices go to the largest shares of the time that is left.
///
/// A job that must run all the time has a share of 1 and comes first; one passed over sees its share grow from round
/// to round, since its work stays while the horizon shrinks. Devices still free then take any job that can run there.
struct MakespanRound {
    private(set) var places: [ThroughputPlacement?]

    private struct Option {
        var share: Double
        var job: Int
        var type: Int
    }

    init(_ jobs: [ThroughputJob], capacities: [Int]) {
        places = Array(repeating: nil, count: jobs.count)
        let workable = jobs.indices.filter { job in
            capacities.indices.contains { capacities[$0] >= jobs[job].devices && jobs[job].stepsPerSecond[$0] > 0 }
        }
        let solution = MakespanShares(workable.map { jobs[$0] }, capacities: capacities, tolerance: Self.tolerance)
        var options: [Option] = []
        for (row, job) in workable.enumerated() {
            let speeds = jobs[job].stepsPerSecond
            let best = jobs[job].bestStepsPerSecond
            for type in capacities.indices where speeds[type] > 0 {
                // Below every real share, and in the order of how well the type suits the job.
                let leftover = Self.tolerance * speeds[type] / best
                options.append(Option(share: max(solution.shares[row][type], leftover), job: job, type: type))
            }
        }
        options.sort { ($0.share, $1.job, $1.type) > ($1.share, $0.job, $0.type) }
        var free = capacities
        for option in options where places[option.job] == nil && jobs[option.job].devices <= free[option.type] {
            places[option.job] = ThroughputPlacement(type: option.type)
            free[option.type] -= jobs[option.job].devices
        }
    }

    /// A round in some thousand: closer shares would not change who runs.
    private static let tolerance = 1e-4
}
