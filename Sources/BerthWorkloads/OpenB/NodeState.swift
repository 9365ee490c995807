import BerthPlanner

/// What a policy sees of one node. Nodes with equal states are one class.
struct NodeState: Hashable {
    var free: PackingNode
    /// The kinds of requests that run here, a bit for each: a share, one GPU, two … Kept only for the policy that
    /// looks at it, since it splits classes.
    var kinds: UInt32 = 0

    /// The bit of a shape's kind; zero without a GPU.
    static func kind(of shape: PackingShape) -> UInt32 {
        shape.gpuCount == 0 ? 0 : shape.isShare ? 1 : 1 << UInt32(shape.gpuCount)
    }
}

/// Where on a node a task would go, and how good that is.
struct PlacementScore {
    /// Higher is better.
    var value: Double
    /// The GPU a share goes to; zero for other tasks.
    var gpu: Int
}

/// Rates a node for a task that fits there.
protocol PlacementScorer {
    /// Equal states get equal scores, whenever they are asked for.
    mutating func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore
    /// What is taken off the score on all nodes of a model, as things stand.
    func surcharge(for shape: PackingShape, on model: Int) -> Double
    /// Hears of each placement.
    mutating func placed(_ before: NodeState, _ after: NodeState)
}

extension PlacementScorer {
    func surcharge(for shape: PackingShape, on model: Int) -> Double { 0 }
    mutating func placed(_ before: NodeState, _ after: NodeState) {}
}
