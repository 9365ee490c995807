import BerthWorkloads

/// A kind of workload that `berth simulate` replays: which options it reads, and what runs they come to.
protocol TraceFormat {
    /// The options that it reads. Any other is refused, so that none does nothing.
    static var options: Set<SimulationArguments.OptionName> { get }
    /// Whether its runs say when each job ran, so that there is something to draw.
    static var knowsTime: Bool { get }

    /// Reads and checks everything; nothing is simulated yet.
    /// - Throws: `Failure` (2) where options or files are wrong, or the `TraceError` of a file's reader.
    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart]
}

/// A piece of a simulation that can be done beside the others.
struct SimulationPart: Sendable {
    let simulate: @Sendable () throws -> [SimulationRun]

    init(_ simulate: @escaping @Sendable () throws -> [SimulationRun]) { self.simulate = simulate }
}

/// What `--format` names. Each has a file of its own.
enum WorkloadFormat: String, CaseIterable {
    case openb, swf, gavel, spot, wfformat, journal, synthetic

    var format: any TraceFormat.Type {
        switch self {
        case .openb: OpenBFormat.self
        case .swf: SWFFormat.self
        case .gavel: GavelFormat.self
        case .spot: SpotFormat.self
        case .wfformat: WorkflowFormat.self
        case .journal: JournalFormat.self
        case .synthetic: SyntheticFormat.self
        }
    }

    /// Refuses the options that are given and not read.
    func refuseStrangers(in arguments: SimulationArguments) throws {
        let options = format.options
        let stranger = SimulationArguments.OptionName.allCases.first { arguments.isGiven($0) && !options.contains($0) }
        guard let stranger else { return }
        let owners = Self.allCases.filter { $0.format.options.contains(stranger) }.map(\.rawValue)
        throw Failure(
            2,
            "The format \(rawValue) does not use \(stranger.text), which goes with \(owners.joined(separator: ", ")). "
                + "Leave it out.")
    }
}
