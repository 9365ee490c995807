import BerthPlanner

/// Berth's own packing, told the mix of the trace as fragmentation gradient descent is.
struct BerthPacking: PlacementScorer {
    private var policy: PackingPolicy

    init(_ trace: OpenBTrace) {
        var counts = Array(repeating: 0.0, count: trace.shapes.count)
        for task in trace.tasks { counts[task] += 1 }
        policy = PackingPolicy(mix: WorkloadMix(counts: Array(zip(trace.shapes, counts))), nodes: trace.nodes)
    }

    mutating func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore {
        guard let choice = policy.cost(of: shape, on: state.free) else {
            preconditionFailure("Only nodes that a task fits on are rated.")
        }
        return PlacementScore(value: -choice.cost, gpu: choice.gpu)
    }

    func surcharge(for shape: PackingShape, on model: Int) -> Double { policy.surcharge(for: shape, on: model) }

    mutating func placed(_ before: NodeState, _ after: NodeState) { policy.changed(before.free, to: after.free) }
}
