public import BerthModel

/// Where a task would go on one node, or everything that keeps it from there.
public enum Placement: Hashable, Sendable {
    case fits(Allocation)
    /// Never empty.
    case short([Shortfall])

    var allocation: Allocation? {
        if case .fits(let allocation) = self { allocation } else { nil }
    }
}

/// Places one task on one node: cores of one NUMA node together, memory with them, devices near them.
///
/// Parts of the node are tried from narrow to wide (one NUMA node, one package, all of it); among parts of a width, the
/// one that leaves the least behind wins. Pure; the same node and request give the same placement.
struct NodeFit {
    let node: Node
    let layout: NodeLayout
    let request: ResourceRequest
    /// What is free; the node's own, or its capacity for the question whether the task could ever fit.
    let free: FreeResources
    /// The GPU that a share goes to, where the packing has chosen one.
    var gpu: String?

    /// - Parameter shape: the request's place among the job's shapes, for the allocation.
    func placement(shape: Int) -> Placement {
        let devices = DeviceFit(node: node, free: free, request: request, preferred: gpu)
        let shortfalls = shortfalls(devices)
        guard shortfalls.isEmpty else { return .short(shortfalls) }
        let memory = neededMemory(devices)
        for level in levels {
            let fits = layout.parts(level).compactMap { fit($0, devices, memory: memory, shape: shape) }
            if let best = fits.min(by: { ($0.1, $0.0.cpus.first ?? 0) < ($1.1, $1.0.cpus.first ?? 0) }) {
                return .fits(best.0)
            }
        }
        return .short([.locality(request.locality.level)])
    }

    /// What there is too little of on the whole node.
    func shortfalls(_ devices: DeviceFit) -> [Shortfall] {
        var shortfalls = devices.shortfalls
        if request.isExclusive, free != node.capacity { shortfalls.append(.exclusive) }
        return shortfalls + wholeNodeShortfalls(memory: neededMemory(devices))
    }

    /// The request's own memory and what its devices take by their rules.
    private func neededMemory(_ devices: DeviceFit) -> Int64 {
        (request.memoryBytes ?? 0).addingClamped(devices.ruledMemoryBytes)
    }

    private func wholeNodeShortfalls(memory: Int64) -> [Shortfall] {
        var shortfalls: [Shortfall] = []
        if request.countsThreads {
            if request.cpus > free.cpus.count {
                shortfalls.append(.threads(asked: request.cpus, free: free.cpus.count, total: node.capacity.cpus.count))
            }
        } else {
            let freeCores = layout.wholeNode.wholeCores(of: free.cpus)
            if request.cpus > freeCores {
                let total = layout.wholeNode.wholeCores(of: node.capacity.cpus)
                shortfalls.append(.cores(asked: request.cpus, free: freeCores, total: total))
            }
        }
        if memory > 0, memory > free.memoryBytes {
            let total = node.capacity.memory.isEmpty ? nil : node.capacity.memoryBytes
            shortfalls.append(.memory(asked: memory, free: free.memoryBytes, total: total))
        }
        return shortfalls
    }

    /// Widths to try, narrow first; a demand ends the list, a wish does not.
    private var levels: [Locality.Level] {
        switch request.locality {
        case let locality where locality.isWish || locality.level == .node: [.numa, .package, .node]
        case let locality where locality.level == .package: [.numa, .package]
        default: [.numa]
        }
    }

    /// What a part of the node would cost the rest of it, the most important first.
    private struct PartScore: Comparable {
        var distantDevices: Int
        var numaNodes: Int
        var coresLeftNear: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.distantDevices, left.numaNodes, left.coresLeftNear)
                < (right.distantDevices, right.numaNodes, right.coresLeftNear)
        }
    }

    private func fit(_ part: NodeLayout.Part, _ devices: DeviceFit, memory: Int64, shape: Int)
        -> (Allocation, PartScore)?
    {
        let isDemand = request.locality.level != .node && !request.locality.isWish
        guard let cpus = chosenCPUs(in: part), let shares = chosenMemory(memory, in: part),
            let chosen = devices.choice(near: part.numaNodes, onlyThere: isDemand)
        else { return nil }
        let taken = request.isExclusive ? node.capacity.cpus : cpus
        let used = Set(part.cores.filter { !$0.cpus.isDisjoint(with: cpus) }.compactMap(\.numaNode))
            .union(shares.map(\.numaNode))
        let score = PartScore(
            distantDevices: chosen.distant, numaNodes: used.count,
            coresLeftNear: part.wholeCores(of: free.cpus.subtracting(taken)))
        let allocation = Allocation(
            node: node.name, cpus: taken, coreCount: layout.wholeNode.wholeCores(of: taken),
            memory: request.isExclusive ? wholeMemory : shares, devices: chosen.shares, shape: shape,
            isExclusive: request.isExclusive)
        return (allocation, score)
    }

    private var wholeMemory: [Allocation.MemoryShare] {
        node.capacity.memory.sorted { $0.key < $1.key }.map {
            Allocation.MemoryShare(numaNode: $0.key, bytes: $0.value)
        }
    }

    /// The first free cores of the part, those of one NUMA node before the next, so that what is left stays together.
    /// Threads are taken from cores that are in use already before whole cores are broken up.
    private func chosenCPUs(in part: NodeLayout.Part) -> CPUSet? {
        let whole = part.cores.filter { $0.cpus.isSubset(of: free.cpus) }
        guard request.countsThreads else {
            guard whole.count >= request.cpus else { return nil }
            return byFullestNUMANode(whole).prefix(request.cpus).reduce(into: CPUSet()) { $0.formUnion($1.cpus) }
        }
        let broken = part.cores.filter { !$0.cpus.isSubset(of: free.cpus) }
        let threads = (broken + whole).flatMap { $0.cpus.intersection(free.cpus).numbers }
        guard threads.count >= request.cpus else { return nil }
        return CPUSet(threads.prefix(request.cpus))
    }

    /// Cores ordered so that a prefix touches few NUMA nodes: those of the NUMA node with most free cores first.
    private func byFullestNUMANode(_ cores: [Inventory.Core]) -> [Inventory.Core] {
        guard layout.numaParts.count > 1 else { return cores }
        let counts = Dictionary(grouping: cores) { $0.numaNode ?? -1 }.mapValues(\.count)
        return cores.enumerated().sorted { first, second in
            let (left, right) = (first.element.numaNode ?? -1, second.element.numaNode ?? -1)
            return (-counts[left, default: 0], left, first.offset) < (-counts[right, default: 0], right, second.offset)
        }.map(\.element)
    }

    /// Memory of the part's NUMA nodes: from one alone if one has enough (the tightest fit), else from the fullest on.
    private func chosenMemory(_ bytes: Int64, in part: NodeLayout.Part) -> [Allocation.MemoryShare]? {
        guard bytes > 0 else { return [] }
        let available = part.numaNodes.compactMap { numaNode in
            free.memory[numaNode].map { (numaNode: numaNode, bytes: $0) }
        }
        if let tightest = available.filter({ $0.bytes >= bytes }).min(by: {
            ($0.bytes, $0.numaNode) < ($1.bytes, $1.numaNode)
        }) {
            return [Allocation.MemoryShare(numaNode: tightest.numaNode, bytes: bytes)]
        }
        var rest = bytes
        var shares: [Allocation.MemoryShare] = []
        for (numaNode, free) in available.sorted(by: { ($1.bytes, $0.numaNode) < ($0.bytes, $1.numaNode) })
        where rest > 0 && free > 0 {
            shares.append(Allocation.MemoryShare(numaNode: numaNode, bytes: min(rest, free)))
            rest -= min(rest, free)
        }
        return rest > 0 ? nil : shares.sorted { $0.numaNode < $1.numaNode }
    }
}
