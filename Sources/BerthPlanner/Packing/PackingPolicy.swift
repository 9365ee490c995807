/// Rates nodes for a task by what the placement strands: the GPU that tasks of the mix could have been expected to
/// fill on the node and no longer can.
///
/// The value of a node is the most that its holes can be expected to be filled, given that they share its CPU,
///
///     V(node) = min over p of  p · free CPU + Σ over GPUs of h_p(free part)  +  κ · Σ over m of share(m) · n(m) · U
///
/// where `h_p` is the value of a hole at CPU price `p` (`HoleValues`), for the requests whose CPU and memory the node
/// still has. Minimising over `p` is the Lagrangian bound of sharing the CPU out: CPU costs nothing where a node has
/// plenty and is dear where it is short, so tasks that want much of it go where it would be left over. The last sum
/// keeps GPUs of a node together: it runs over the shapes m of several GPUs that fit now, n(m) GPUs each, with U
/// the thousandths of all untouched GPUs. A placement costs
///
///     V(before) − V(after) − the task's own GPU,
///
/// a little for the rest of the GPU that a share goes to, and on top a surcharge for GPUs of a model that the mix
/// needs for tasks that can use no other (`ModelPrices`).
///
/// Nothing is random and nothing looks at what will arrive: only the mix is known, as for fragmentation gradient
/// descent (Weng et al., ATC 2023), which rates one step ahead what this rates to the end.
///
/// A planner asks for the cost on each node, adds the surcharge, takes the lowest, the first of equals, and reports
/// the change. Nodes with equal rest cost the same, so costs can be remembered for each class of nodes.
public struct PackingPolicy: Sendable {
    /// Rate at which a hole is given up, for each arrival of the mix: a hole that one task in fifty fits is
    /// filled with even odds. Figures hardly change between 0.01 and 0.03.
    private static let impatience: Float = 0.02
    /// κ: weight of keeping GPUs together.
    private static let togetherness = 0.2
    /// What a share pays, in thousandths of a GPU, for the rest of a whole GPU: more than waiting for a hole to be
    /// filled is worth, so that a GPU is completed before the next is opened where nothing else decides.
    private static let tidiness = 30.0
    /// Costs closer than so many thousandths of a GPU are equal, so that nodes fill up one after the other.
    private static let resolution = 5.0
    /// Prices follow what is free after so many placements.
    private static let placementsBetweenPrices = 20
    /// CPU prices tried, in units of GPU per CPU of the whole mix.
    private static let relativePrices = HoleValues.Prices(0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2)

    private let shares: [(shape: PackingShape, share: Double)]
    private let gangs: [(shape: PackingShape, share: Double)]
    private let cpuThresholds: Thresholds
    private let memoryThresholds: Thresholds
    private let cpuPrices: HoleValues.Prices
    private let densities: ModelPrices
    private var modelPrices: ModelPrices
    private var tables: [HoleValues?]
    private var placements = 0

    /// Where a task would go on a node.
    public struct Choice: Hashable, Sendable {
        /// Thousandths of a GPU; lower is better.
        public var cost: Double
        /// The GPU a share goes to; zero for other tasks.
        public var gpu: Int
    }

    /// - Parameters:
    ///   - mix: what tasks ask for. A mix that is learned moves slowly: make a new policy from it now and then.
    ///   - nodes: all nodes of the cluster, as free as they are now.
    public init(mix: WorkloadMix, nodes: [PackingNode]) {
        shares = mix.shares.filter { $0.shape.gpuCount > 0 }
        gangs = shares.filter { $0.shape.gpuCount > 1 }
        cpuThresholds = Thresholds(popularIn: shares.map { ($0.shape.cpuMillis, $0.share) }, count: 8)
        memoryThresholds = Thresholds(popularIn: shares.map { ($0.shape.memoryMebibytes, $0.share) }, count: 3)
        let cpu = shares.reduce(0) { $0 + $1.share * Double($1.shape.cpuMillis) }
        let gpu = shares.reduce(0) { $0 + $1.share * Double($1.shape.totalGPUMillis) }
        cpuPrices = Self.relativePrices * Float(gpu / max(1, cpu))
        let models = (nodes.map(\.model).max() ?? -1) + 1
        tables = Array(repeating: nil, count: models * cpuThresholds.classes * memoryThresholds.classes)
        var capacity = Array(repeating: 0.0, count: models)
        for node in nodes { capacity[node.model] += Double(node.totalGPUMillis) }
        densities = ModelPrices(shares: shares, free: capacity)
        modelPrices = densities
        var free = Array(repeating: 0.0, count: models)
        for node in nodes { free[node.model] += value(of: node) }
        modelPrices.setFree(free)
    }

    /// What it costs to run `shape` on `node`, and on which GPU; nil where it does not fit. Without the surcharge, so
    /// that nodes in equal states cost the same however often prices change.
    ///
    /// - Complexity: O(GPUs) for each different rest among them; a new class of node costs a table once.
    public mutating func cost(of shape: PackingShape, on node: PackingNode) -> Choice? {
        guard node.fits(shape) else { return nil }
        let before = value(of: node) - Double(shape.totalGPUMillis)
        var best: Choice?
        for gpu in shape.isShare ? node.choices(forShare: shape) : [0] {
            let after = node.placing(shape, on: gpu)
            let rest = shape.isShare ? Double(after.gpuMillis[gpu]) / 1000 : 0
            let lost = before - value(of: after) + Self.tidiness * rest
            let cost = (lost / Self.resolution).rounded(.up) * Self.resolution
            if let best, best.cost <= cost { continue }
            best = Choice(cost: cost, gpu: gpu)
        }
        return best
    }

    /// What `shape` pays on top for GPUs of `model`, in thousandths of a GPU.
    public func surcharge(for shape: PackingShape, on model: Int) -> Double {
        modelPrices.prices[model] * Double(shape.totalGPUMillis)
    }

    /// Follows a placement, or an end, that changed a node.
    public mutating func changed(_ before: PackingNode, to after: PackingNode) {
        modelPrices.freeChanged(by: value(of: after) - value(of: before), on: after.model)
        placements += 1
        if placements.isMultiple(of: Self.placementsBetweenPrices) { modelPrices.rebalance() }
    }

    /// Thousandths of a GPU that tasks of the mix can be expected to fill on `node`.
    mutating func value(of node: PackingNode) -> Double {
        guard node.totalGPUMillis > 0 else { return 0 }
        let holes = table(for: node)
        var values = cpuPrices * Float(node.cpuMillis)
        for gpu in 0..<node.gpuCount where node.gpuMillis[gpu] > 0 {
            values += holes.value(ofHole: node.gpuMillis[gpu])
        }
        return Double(values.min()) + together(node)
    }

    private func together(_ node: PackingNode) -> Double {
        guard !gangs.isEmpty else { return 0 }
        let untouched = node.untouchedGPUs
        var share = 0.0
        for gang in gangs where gang.shape.gpuCount <= untouched && node.fits(gang.shape) {
            share += gang.share * Double(gang.shape.gpuCount)
        }
        return Self.togetherness * share * Double(untouched * 1000)
    }

    private mutating func table(for node: PackingNode) -> HoleValues {
        let cpu = cpuThresholds.reached(by: node.cpuMillis)
        let memory = memoryThresholds.reached(by: node.memoryMebibytes)
        let index = (node.model * cpuThresholds.classes + cpu) * memoryThresholds.classes + memory
        if let table = tables[index] { return table }
        var requests: [HoleValues.Request] = []
        for (shape, share) in shares where shape.models.contains(AcceleratorModels(model: node.model)) {
            guard cpuThresholds.needed(for: shape.cpuMillis) <= cpu,
                memoryThresholds.needed(for: shape.memoryMebibytes) <= memory
            else { continue }
            let gpus = Double(shape.gpuCount)
            requests.append(
                HoleValues.Request(
                    gpuMillis: shape.gpuMillis, cpuMillis: Float(Double(shape.cpuMillis) / gpus),
                    rate: Float(share * gpus * densities.density(of: shape.models, on: node.model))))
        }
        let table = HoleValues(requests: requests, prices: cpuPrices, impatience: Self.impatience)
        tables[index] = table
        return table
    }
}
