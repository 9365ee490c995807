/// What may go wrong in a simulation, beside what users do.
public enum Fault: String, Hashable, Sendable, CaseIterable {
    /// The controller is killed at any moment, also between a commit and its answers, and starts again.
    case controllerCrashes
    /// An agent is killed and starts again; its processes go on.
    case agentRestarts
    /// A node is cut off, for seconds or past its deadline; its agent and processes go on.
    case lostNodes
    /// A node is switched off with everything on it, and comes back, sometimes with an empty disk.
    case nodeDeaths
    /// Messages take up to minutes, also from a stream that has ended meanwhile.
    case lateMessages
    /// A message comes twice; a submission is sent twice.
    case doubledMessages
    /// What an agent says after its hello comes in another order.
    case reorderedMessages
    /// The controller's clock is set forward or back by some seconds.
    case clockJumps
    /// Processes fail, cannot be started, are refused.
    case failingProcesses
    /// A commit takes seconds.
    case slowCommits
    /// An agent comes back with another number of reserved cores.
    case changedNodes
    /// The keeper of an attempt is killed, and its processes with it.
    case keeperDeaths
    /// A node goes wrong for a while: it cannot start what comes to it, or all that runs there fails.
    case badNodes

    /// How long it is between two of its kind, for those that strike at an instant.
    var interval: ClosedRange<Duration>? {
        switch self {
        case .controllerCrashes: .seconds(60) ... .seconds(1800)
        case .agentRestarts: .seconds(30) ... .seconds(900)
        case .lostNodes: .seconds(60) ... .seconds(1200)
        case .nodeDeaths: .seconds(300) ... .seconds(3600)
        case .clockJumps: .seconds(60) ... .seconds(1800)
        case .changedNodes: .seconds(300) ... .seconds(1800)
        case .keeperDeaths: .seconds(30) ... .seconds(900)
        case .badNodes: .seconds(600) ... .seconds(3600)
        case .lateMessages, .doubledMessages, .reorderedMessages, .failingProcesses, .slowCommits: nil
        }
    }
}
