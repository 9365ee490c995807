import BerthModel
package import BerthPlanner

/// A run of the published protocol: tasks arrive one at a time, and one that fits nowhere is dropped for good.
package struct OpenBSimulation {
    /// The empty nodes in the order of the run, which breaks ties.
    package let nodes: [PackingNode]
    /// Every arrival so far, with its place where it got one.
    package private(set) var outcomes: [Outcome] = []
    private let trace: OpenBTrace
    private let policy: OpenBPolicy
    private let arrivals: OpenBArrivals
    private let measure: FragmentationMeasure
    private var generator: SeededGenerator
    private var cluster: OpenBCluster
    private var arrivedDemand = 0
    private var allocated = 0
    /// Tasks that were moved to make room for others; nil where the policy moves none.
    private var moves: Int?
    private var fragmented = 0.0
    private var unallocated = OpenBCurve()
    private var fragmentation = OpenBCurve()

    package struct Outcome: Hashable {
        package var shape: PackingShape
        /// Nil where the task was dropped.
        package var place: Place?
    }

    /// Where a task runs.
    package struct Place: Hashable {
        /// An index into the run's nodes.
        package var node: Int
        /// The GPU that a share takes; whole GPUs are the first untouched ones.
        package var gpu: Int
    }

    /// - Parameter seed: draws the arrivals and the order of the nodes; all policies get the same draws.
    package init(of trace: OpenBTrace, policy: OpenBPolicy, seed: UInt64) {
        self.trace = trace
        self.policy = policy
        arrivals = OpenBArrivals(of: trace, seed: seed)
        generator = arrivals.generator
        nodes = trace.nodes.shuffled(using: &generator)
        measure = FragmentationMeasure(target: trace.target)
        cluster = OpenBCluster(
            nodes: nodes, shapeCount: trace.shapes.count, tracksKinds: policy == .gpuclustering)
        for node in nodes { fragmented += measure.fragment(of: node) }
    }

    /// Lets every task arrive.
    package mutating func run() {
        switch policy {
        case .berth: run(by: BerthPacking(trace))
        case .berthMigrating: runMigrating()
        case .fgd: run(by: FragmentationGradient(measure: measure))
        case .bestfit: run(by: BestFit())
        case .dotprod: run(by: DotProduct())
        case .gpupacking: run(by: GPUPacking())
        case .gpuclustering: run(by: GPUClustering())
        case .random: runAtRandom()
        }
    }

    /// Places every arrival where `scorer` says.
    private mutating func run(by scorer: some PlacementScorer) {
        var scorer = scorer
        for task in arrivals.tasks {
            let shape = trace.shapes[task]
            let place = cluster.best(for: shape, index: task, by: &scorer)
            let before = place.map { cluster.state(of: $0.node) }
            arrive(shape, at: place)
            if let place, let before { scorer.placed(before, cluster.state(of: place.node)) }
        }
    }

    /// Places every arrival as Berth does; where it fits nowhere, others may be moved to make room.
    private mutating func runMigrating() {
        var migration = OpenBMigration(trace, cluster)
        for task in arrivals.tasks {
            let result = migration.arrive(task)
            record(trace.shapes[task], at: result.place, result.changes)
        }
        moves = migration.moves
    }

    /// Places every arrival on any node and any GPU that it fits on.
    private mutating func runAtRandom() {
        for task in arrivals.tasks {
            let shape = trace.shapes[task]
            guard let node = cluster.fitting(shape, index: task).randomElement(using: &generator) else {
                arrive(shape, at: nil)
                continue
            }
            let free = cluster.state(of: node).free
            let gpus = shape.isShare ? (0..<free.gpuCount).filter { free.gpuMillis[$0] >= shape.gpuMillis } : [0]
            arrive(shape, at: Place(node: node, gpu: gpus.randomElement(using: &generator) ?? 0))
        }
    }

    private mutating func arrive(_ shape: PackingShape, at place: Place?) {
        guard let place else { return record(shape, at: nil, []) }
        let before = cluster.state(of: place.node).free
        cluster.place(shape, at: place)
        record(shape, at: place, [(before, cluster.state(of: place.node).free)])
    }

    /// - Parameter changes: what the nodes were and are that the arrival has changed.
    private mutating func record(
        _ shape: PackingShape, at place: Place?, _ changes: [(before: PackingNode, after: PackingNode)]
    ) {
        arrivedDemand += shape.totalGPUMillis
        outcomes.append(Outcome(shape: shape, place: place))
        if place != nil { allocated += shape.totalGPUMillis }
        for change in changes { fragmented += measure.fragment(of: change.after) - measure.fragment(of: change.before) }
        let demand = Double(arrivedDemand) / Double(trace.capacity)
        let idle = trace.capacity - allocated
        unallocated.record(100 * Double(idle) / Double(trace.capacity), atDemand: demand)
        fragmentation.record(idle == 0 ? 0 : 100 * fragmented / Double(idle), atDemand: demand)
    }

    /// The figures of the run so far, without its time.
    package var metrics: [SimulationRun.Metric] {
        var metrics: [SimulationRun.Metric] = []
        for (name, curve) in [("unallocatedPercent", unallocated), ("fragmentationRatioPercent", fragmentation)] {
            for percent in [100, 130] {
                guard let value = curve.value(atPercent: percent) else { continue }
                metrics.append(SimulationRun.Metric(name, key: "\(percent)", value))
            }
        }
        metrics.append(SimulationRun.Metric("decisions", Double(outcomes.count)))
        if let moves { metrics.append(SimulationRun.Metric("moves", Double(moves))) }
        return metrics
    }
}

extension OpenBTrace {
    /// One run of the published protocol.
    ///
    /// - Parameters:
    ///   - seed: draws the arrivals and the order of the nodes; all policies get the same draws.
    ///   - cpuClock: seconds of processor time used so far.
    /// - Returns: `unallocatedPercent` and `fragmentationRatioPercent` at 100 and 130 % of arrived demand, the number
    ///   of `decisions` and the `cpuSeconds` that they took, bookkeeping included; where tasks are moved, the `moves`.
    public func simulate(_ policy: OpenBPolicy, seed: UInt64, cpuClock: () -> Double) -> SimulationRun {
        var simulation = OpenBSimulation(of: self, policy: policy, seed: seed)
        let start = cpuClock()
        simulation.run()
        let seconds = cpuClock() - start
        return SimulationRun(
            label: "seed \(seed)", metrics: simulation.metrics + [SimulationRun.Metric("cpuSeconds", seconds)])
    }
}
