public import BerthModel

/// Where a task would go on one node, or everything that keeps it from there.
public enum Placement: Hashable, Sendable {
    case fits(Allocation, PlacementScore)
    /// Never empty.
    case short([Shortfall])

    var allocation: Allocation? {
        if case .fits(let allocation, _) = self { allocation } else { nil }
    }
}

/// Places one task on one node: cores of one NUMA node together, memory with them, devices near them.
///
/// Parts of the node are tried from narrow to wide (one NUMA node, one package, all of it); among parts of a width, the
/// one that leaves the least behind wins. Pure; the same node and request give the same placement.
struct NodeFit {
    let node: Node
    let request: ResourceRequest
    /// What is free; the node's own, or its capacity for the question whether the task could ever fit.
    let free: FreeResources

    /// - Parameter shape: the request's place among the job's shapes, for the allocation.
    func placement(shape: Int) -> Placement {
        let devices = DeviceFit(node: node, free: free, request: request)
        var shortfalls = devices.shortfalls
        let memory = neededMemory(devices)
        let isAlone = free == node.capacity
        if request.isExclusive, !isAlone { shortfalls.append(.exclusive) }
        if request.nodes > 1 { shortfalls.append(.gang(nodes: request.nodes)) }
        shortfalls += wholeNodeShortfalls(memory: memory)
        guard shortfalls.isEmpty else { return .short(shortfalls) }

        for level in levels {
            let fits = parts(level).compactMap { fit($0, devices, memory: memory, shape: shape) }
            if let best = fits.min(by: { ($0.1, $0.0.cpus.numbers.first ?? 0) < ($1.1, $1.0.cpus.numbers.first ?? 0) })
            {
                return .fits(best.0, best.1)
            }
        }
        return .short([.locality(request.locality.level)])
    }

    /// The request's own memory and what its devices take by their rules.
    private func neededMemory(_ devices: DeviceFit) -> Int64 {
        let (sum, overflow) = (request.memoryBytes ?? 0).addingReportingOverflow(devices.ruledMemoryBytes)
        return overflow ? .max : sum
    }

    private func wholeNodeShortfalls(memory: Int64) -> [Shortfall] {
        var shortfalls: [Shortfall] = []
        if request.countsThreads {
            if request.cpus > free.cpus.count {
                shortfalls.append(.threads(asked: request.cpus, free: free.cpus.count, total: node.capacity.cpus.count))
            }
        } else {
            let freeCores = node.inventory.cores.count { $0.cpus.isSubset(of: free.cpus) }
            if request.cpus > freeCores {
                let total = node.inventory.cores.count { $0.cpus.isSubset(of: node.capacity.cpus) }
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

    /// A part of the node: cores, and the NUMA nodes with host memory beside them.
    private struct Part {
        var cores: [Inventory.Core]
        var numaNodes: [Inventory.NUMANode]
    }

    private func parts(_ level: Locality.Level) -> [Part] {
        let cores = node.inventory.cores
        let groups: [[Inventory.Core]] =
            switch level {
            case .numa: grouped(cores, by: \.numaNode)
            case .package: grouped(cores, by: \.package)
            case .node: [cores]
            }
        return groups.map { cores in
            let cpus = cores.reduce(into: CPUSet()) { $0.formUnion($1.cpus) }
            return Part(
                cores: cores,
                numaNodes: node.inventory.numaNodes.filter { $0.isHostMemory && !$0.cpus.isDisjoint(with: cpus) })
        }
    }

    private func grouped(_ cores: [Inventory.Core], by key: (Inventory.Core) -> Int?) -> [[Inventory.Core]] {
        Dictionary(grouping: cores) { key($0) ?? -1 }.sorted { $0.key < $1.key }.map(\.value)
    }

    private func fit(_ part: Part, _ devices: DeviceFit, memory: Int64, shape: Int) -> (Allocation, PlacementScore)? {
        let isDemand = request.locality.level != .node && !request.locality.isWish
        guard let cpus = chosenCPUs(in: part), let shares = chosenMemory(memory, in: part),
            let chosen = devices.choice(near: part.numaNodes.map(\.number), onlyThere: isDemand)
        else { return nil }
        let taken = request.isExclusive ? node.capacity.cpus : cpus
        let left = free.cpus.subtracting(taken)
        let used = Set(part.cores.filter { !$0.cpus.isDisjoint(with: cpus) }.compactMap(\.numaNode))
            .union(shares.map(\.numaNode))
        let score = PlacementScore(
            unaskedDevices: devices.unaskedCount, distantDevices: chosen.distant, numaNodes: used.count,
            coresLeftNear: part.cores.count { $0.cpus.isSubset(of: left) },
            coresLeft: node.inventory.cores.count { $0.cpus.isSubset(of: left) },
            memoryLeftMiB: (free.memoryBytes - memory) >> 20)
        let allocation = Allocation(
            node: node.name, cpus: taken, coreCount: node.inventory.cores.count { $0.cpus.isSubset(of: taken) },
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
    private func chosenCPUs(in part: Part) -> CPUSet? {
        var chosen = CPUSet()
        guard request.countsThreads else {
            let whole = part.cores.filter { $0.cpus.isSubset(of: free.cpus) }
            guard whole.count >= request.cpus else { return nil }
            for core in byFullestNUMANode(whole).prefix(request.cpus) { chosen.formUnion(core.cpus) }
            return chosen
        }
        let (whole, broken) = (
            part.cores.filter { $0.cpus.isSubset(of: free.cpus) },
            part.cores.filter { !$0.cpus.isSubset(of: free.cpus) }
        )
        let threads = (broken + whole).flatMap { $0.cpus.intersection(free.cpus).numbers }
        guard threads.count >= request.cpus else { return nil }
        return CPUSet(threads.prefix(request.cpus))
    }

    /// Cores ordered so that a prefix touches few NUMA nodes: those of the NUMA node with most free cores first.
    private func byFullestNUMANode(_ cores: [Inventory.Core]) -> [Inventory.Core] {
        grouped(cores, by: \.numaNode).enumerated()
            .sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }.flatMap(\.element)
    }

    /// Memory of the part's NUMA nodes: from one alone if one has enough (the tightest fit), else from the fullest on.
    private func chosenMemory(_ bytes: Int64, in part: Part) -> [Allocation.MemoryShare]? {
        guard bytes > 0 else { return [] }
        let available = part.numaNodes.compactMap { numaNode in
            free.memory[numaNode.number].map { (numaNode: numaNode.number, bytes: $0) }
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
