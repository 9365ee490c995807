import BerthPlanner

/// The nodes of one run, in classes of equal state, and the scores already known of each class.
struct OpenBCluster {
    typealias Place = OpenBSimulation.Place

    /// By node, in an order of the run's own: ties go to the first.
    private var stateOfNode: [Int] = []
    /// Every state a node has had.
    private var states: [NodeState] = []
    private var indices: [NodeState: Int] = [:]
    /// By shape, then by state: a score costs up to microseconds, a look-up nanoseconds.
    private var known: [[Entry]]
    /// By node.
    private let models: [Int]
    private let modelCount: Int
    private let tracksKinds: Bool

    private struct Entry {
        var value: Float
        var gpu: Int8
        /// Not asked for yet. Not a NaN, which would compare as neither.
        static let unknown = Entry(value: .infinity, gpu: 0)
        static let unfit = Entry(value: -.infinity, gpu: 0)
    }

    init(nodes: [PackingNode], shapeCount: Int, tracksKinds: Bool = false) {
        known = Array(repeating: [], count: shapeCount)
        self.tracksKinds = tracksKinds
        models = nodes.map(\.model)
        modelCount = (models.max() ?? -1) + 1
        for node in nodes { stateOfNode.append(index(of: NodeState(free: node))) }
    }

    func state(of node: Int) -> NodeState { states[stateOfNode[node]] }

    /// The best node for a shape by `scorer`; nil where none fits.
    ///
    /// - Complexity: O(nodes) look-ups and a score for each class not yet asked about this shape.
    mutating func best(for shape: PackingShape, index: Int, by scorer: inout some PlacementScorer) -> Place? {
        rate(shape, index: index, by: &scorer)
        let surcharges = (0..<modelCount).map { Float(scorer.surcharge(for: shape, on: $0)) }
        let known = known[index]
        var best = Place(node: -1, gpu: 0)
        var highest = -Float.infinity
        for (node, state) in stateOfNode.enumerated() {
            let value = known[state].value - surcharges[models[node]]
            guard value > highest else { continue }
            highest = value
            best = Place(node: node, gpu: Int(known[state].gpu))
        }
        return best.node < 0 ? nil : best
    }

    /// The nodes where a shape fits, in the run's order.
    mutating func fitting(_ shape: PackingShape, index: Int) -> [Int] {
        var scorer = AnyNode()
        rate(shape, index: index, by: &scorer)
        return stateOfNode.indices.filter { known[index][stateOfNode[$0]].value != Entry.unfit.value }
    }

    /// Runs a task with this shape at `place`, which is free for it.
    mutating func place(_ shape: PackingShape, at place: Place) {
        var state = states[stateOfNode[place.node]]
        state.free = state.free.placing(shape, on: place.gpu)
        if tracksKinds { state.kinds |= NodeState.kind(of: shape) }
        stateOfNode[place.node] = index(of: state)
    }

    /// Makes a node's state another one.
    mutating func set(_ free: PackingNode, at node: Int) {
        var state = states[stateOfNode[node]]
        state.free = free
        stateOfNode[node] = index(of: state)
    }

    private mutating func rate(_ shape: PackingShape, index: Int, by scorer: inout some PlacementScorer) {
        let missing = states.count - known[index].count
        if missing > 0 { known[index].append(contentsOf: repeatElement(.unknown, count: missing)) }
        for state in stateOfNode where known[index][state].value == .infinity {
            guard states[state].free.fits(shape) else {
                known[index][state] = .unfit
                continue
            }
            let score = scorer.score(shape, on: states[state])
            known[index][state] = Entry(value: Float(score.value), gpu: Int8(score.gpu))
        }
    }

    private mutating func index(of state: NodeState) -> Int {
        if let index = indices[state] { return index }
        indices[state] = states.count
        states.append(state)
        return states.count - 1
    }
}
