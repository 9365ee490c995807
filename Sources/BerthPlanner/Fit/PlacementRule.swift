public import BerthModel

/// Which nodes a task may go to, whatever is free there: its constraints and its queue's nodes.
public struct PlacementRule: Hashable, Sendable {
    public var constraints: [Expression]
    public var queue: String
    /// The queue's own condition; nil lets all nodes pass.
    public var queueNodes: Expression?

    public init(constraints: [Expression] = [], queue: String = "", queueNodes: Expression? = nil) {
        self.constraints = constraints
        self.queue = queue
        self.queueNodes = queueNodes
    }

    /// Whether nodes of one make may differ by it.
    var namesNodes: Bool { (constraints + [queueNodes].compactMap { $0 }).contains { $0.names.contains("node.name") } }

    public func shortfalls(on node: Node) -> [Shortfall] {
        var shortfalls: [Shortfall] = []
        if let queueNodes, !queueNodes.holds(node.attribute) {
            shortfalls.append(.queue(name: queue, nodes: queueNodes.text))
        }
        for constraint in constraints where !constraint.holds(node.attribute) {
            shortfalls.append(.constraint(constraint.text))
        }
        return shortfalls
    }
}

/// One way in which a task may run: what it asks for and where that may be.
public struct TaskShape: Hashable, Sendable {
    public var request: ResourceRequest
    public var rule: PlacementRule

    public init(request: ResourceRequest, rule: PlacementRule = PlacementRule()) {
        self.request = request
        self.rule = rule
    }

    /// Whether more than amounts decides: what lies together in a node, or several kinds of the same devices.
    var needsExactFit: Bool {
        request.gpus?.link != nil
            || (request.locality.level != .node && !request.locality.isWish)
            || Set(request.devices.map(\.kind)).count < request.devices.count
    }
}
