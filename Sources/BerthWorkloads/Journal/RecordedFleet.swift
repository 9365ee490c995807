import BerthModel
import BerthScheduling

/// The machines of a history under the rules that it recorded last, all of them up all the time.
struct RecordedFleet: Sendable {
    /// By name.
    let nodes: [NodeRegistration]
    let configuration: ClusterConfiguration

    init(_ history: JournalHistory) {
        nodes = history.nodes.values.sorted { $0.name < $1.name }.map { node in
            var node = node
            node.isLeaving = false
            return node
        }
        // What was done about failures then is in the history; it is not to be done a second time.
        configuration = Self.withoutLimits(history.configuration)
    }

    private static func withoutLimits(_ configuration: ClusterConfiguration) -> ClusterConfiguration {
        var configuration = configuration
        configuration.failures = .none
        return configuration
    }

    /// Cores that jobs can have.
    var cores: Int { nodes.reduce(0) { $0 + max(0, $1.inventory.cores.count - $1.reservedCPUs) } }

    /// The stream on which each node says hello, and all that follows.
    static let session: UInt64 = 1

    /// The controller's mind with this fleet and nothing to do; it never takes a silent node for a lost one.
    func dispatcher(at now: Timestamp) -> Dispatcher {
        let patient = Dispatcher.Timing(lostAfter: .microseconds(Int64.max))
        var dispatcher = Dispatcher(Cluster(), timing: patient, at: now)
        dispatcher.configure(configuration, at: now)
        for node in nodes { dispatcher.receive(.hello(node, []), from: node.name, session: Self.session, at: now) }
        return dispatcher
    }
}
