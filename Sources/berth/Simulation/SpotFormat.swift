import BerthWorkloads

/// A job under a deadline on recorded spot availability: for each seed of the random starts, a run for each trace.
enum SpotFormat: TraceFormat {
    static let options: Set<SimulationArguments.OptionName> = [
        .workload, .policy, .seeds, .work, .deadline, .changeover, .starts, .priceRatio, .history,
    ]
    static let knowsTime = false

    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart] {
        let policy = try arguments.chosenPolicy(SpotPolicy.self)
        guard policy == .berth || !arguments.history else {
            throw Failure(2, "The policy \(policy.rawValue) never looks back; --history goes with berth. Leave it out.")
        }
        let seeds = try arguments.chosenSeeds(otherwise: 1...1)
        let traces = try arguments.workloads().map { try SpotTrace(json: $0.bytes(), name: $0.stem) }
        return try seeds.map { seed in
            let experiment = try experiment(on: traces, seed: seed, arguments)
            return SimulationPart {
                experiment.simulate(policy).map { run in
                    var run = run
                    if seeds.count > 1 { run.label += ", seed \(seed)" }
                    return run
                }
            }
        }
    }

    /// Where nothing else is asked for, the job of the published table.
    private static func experiment(
        on traces: [SpotTrace], seed: UInt64, _ arguments: SimulationArguments
    ) throws -> SpotExperiment {
        try SpotExperiment(
            traces: traces,
            workSeconds: arguments.seconds(arguments.work, .work, otherwise: 48 * 3600),
            deadlineSeconds: arguments.seconds(arguments.deadline, .deadline, otherwise: 60 * 3600),
            changeoverSeconds: arguments.seconds(arguments.changeover, .changeover, otherwise: 12 * 60),
            starts: arguments.starts ?? 300, seed: seed, usesHistory: arguments.history,
            priceRatio: arguments.priceRatio ?? 3)
    }
}
