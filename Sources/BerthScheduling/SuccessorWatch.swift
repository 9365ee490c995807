import BerthModel
import HeapModule

/// When to look whether what waits behind others has waited for too long, node by node: a round looks only at those whose
/// time has come.
struct SuccessorWatch {
    private var due = Heap<Due>()
    private var watched: Set<NodeName> = []

    private struct Due: Comparable {
        var time: Timestamp
        var node: NodeName

        static func < (left: Self, right: Self) -> Bool { (left.time, left.node) < (right.time, right.node) }
    }

    /// Looks at all nodes where something waits at the next opportunity.
    init(_ cluster: Cluster, at now: Timestamp) {
        for node in cluster.nodes.values where !node.successions.isEmpty { watch(node.name, from: now) }
    }

    var next: Timestamp? { due.min?.time }

    /// Looks at the node then, unless it is to be looked at anyway.
    mutating func watch(_ node: NodeName, from time: Timestamp) {
        if watched.insert(node).inserted { due.insert(Due(time: time, node: node)) }
    }

    /// The nodes whose time has come. They are no longer watched.
    mutating func takeDue(at now: Timestamp) -> [NodeName] {
        var nodes: [NodeName] = []
        while let first = due.min, first.time <= now {
            due.removeMin()
            watched.remove(first.node)
            nodes.append(first.node)
        }
        return nodes
    }
}
