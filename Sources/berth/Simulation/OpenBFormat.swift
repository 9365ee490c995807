import BerthWorkloads

/// GPU-sharing tasks packed on a cluster: a run for each seed's order of arrival.
enum OpenBFormat: TraceFormat {
    static let options: Set<SimulationArguments.OptionName> = [.workload, .fleet, .policy, .seeds]
    static let knowsTime = false
    /// Those of the published figures.
    private static let usualSeeds: ClosedRange<UInt64> = 42...51

    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart] {
        let policy = try arguments.chosenPolicy(OpenBPolicy.self)
        let seeds = try arguments.chosenSeeds(otherwise: usualSeeds)
        let pods = try arguments.onlyWorkload()
        guard let fleet = arguments.fleet else {
            throw Failure(2, "The format openb needs the nodes too. Name their file with --fleet.")
        }
        let nodes = try WorkloadFile(fleet).text()
        let trace = try OpenBTrace(nodes: nodes, pods: pods.text())
        return seeds.map { seed in
            SimulationPart { [trace.simulate(policy, seed: seed, cpuClock: threadSeconds)] }
        }
    }
}
