import BerthModel

/// What a task's shape needs of nodes of one make, as amounts: for asking many nodes quickly.
///
/// Where a shape's `needsExactFit` is false the answer is exact; else it may say yes where `NodeFit` says no.
final class ShapeFit: Sendable {
    /// How fast a task goes there, as a part of the fastest type of its throughput: 1 where none is known. Of a node
    /// with devices of several types, the slowest that it may get.
    let speed: Double
    private let cpus: Int
    private let countsThreads: Bool
    private let isExclusive: Bool
    private let memoryBytes: Int64
    private let wants: [Want]
    /// Devices of kinds that the shape does not ask for, by place.
    private let unasked: [Int]
    /// PUs of a core, by place in the make's list of NUMA nodes.
    private let threads: [Int32]

    private struct Want: Sendable {
        var kind: String
        var places: [Int]
        var share: Int32
        var count: Int

        func isMet(by summary: NodeSummary) -> Bool {
            var found = 0
            for place in places where found < count { found += Int(summary.devices[place] / share) }
            return found >= count
        }
    }

    /// - Returns: nil where no node of the make may ever take the task.
    init?(_ shape: TaskShape, on make: NodeMake) {
        let request = shape.request
        guard shape.rule.shortfalls(on: make.example).isEmpty else { return nil }
        let devices = DeviceFit(node: make.example, free: make.example.capacity, request: request)
        let fit = NodeFit(
            node: make.example, layout: make.layout, request: request, free: make.example.capacity)
        guard fit.placement(shape: 0).allocation != nil else { return nil }
        let models =
            devices.wants.isEmpty
            ? [make.example.inventory.cpuModel].compactMap { $0 }
            : devices.wants.flatMap(\.suitable).compactMap(\.model)
        speed = request.throughput?.speed(on: Set(models)) ?? 1
        cpus = request.cpus
        countsThreads = request.countsThreads
        isExclusive = request.isExclusive
        memoryBytes = (request.memoryBytes ?? 0).addingClamped(devices.ruledMemoryBytes)
        wants = devices.wants.map { want in
            let names = Set(want.suitable.map(\.name))
            return Want(
                kind: want.kind,
                places: make.devices.indices.filter { names.contains(make.devices[$0].name) },
                share: Int32(clamping: want.share), count: want.count)
        }
        let kinds = Set(devices.wants.map(\.kind))
        unasked = make.devices.indices.filter { !kinds.contains(make.devices[$0].kind) }
        threads = make.layout.numaParts.map { part in Int32(clamping: part.cores.map(\.cpus.count).max() ?? 1) }
    }

    func fits(_ summary: NodeSummary) -> Bool {
        if countsThreads ? summary.puCount < cpus : summary.coreCount < cpus { return false }
        if isExclusive, !summary.isEmpty { return false }
        if memoryBytes > 0, summary.memoryBytes < memoryBytes { return false }
        return wants.allSatisfy { $0.isMet(by: summary) }
    }

    /// What there is too little of, each by its name: `cores`, `memory`, a kind of device.
    func lacks(_ summary: NodeSummary) -> [String] {
        var lacks: [String] = []
        if countsThreads ? summary.puCount < cpus : summary.coreCount < cpus {
            lacks.append(countsThreads ? "threads" : "cores")
        }
        if isExclusive, !summary.isEmpty { lacks.append("exclusive") }
        if memoryBytes > 0, summary.memoryBytes < memoryBytes { lacks.append("memory") }
        return lacks + Set(wants.filter { !$0.isMet(by: summary) }.map(\.kind)).sorted()
    }

    /// What a task of the shape would leave of `summary`: cores and memory of the fullest NUMA nodes first, devices in
    /// their order. Which ones it really takes is decided when it starts.
    func remainder(of summary: NodeSummary) -> NodeSummary {
        guard !isExclusive else { return summary.usedUp }
        var left = summary
        left.isEmpty = false
        if countsThreads { takeThreads(from: &left) } else { takeCores(from: &left) }
        var bytes = memoryBytes
        for place in left.memory.indices.sorted(by: { left.memory[$0] > left.memory[$1] }) {
            let taken = min(bytes, max(left.memory[place], 0))
            left.memory[place] -= taken
            bytes -= taken
        }
        if bytes > 0, !left.memory.isEmpty { left.memory[0] -= bytes }
        for want in wants {
            var count = Int32(clamping: want.count)
            for place in want.places where count > 0 {
                let taken = min(count, max(left.devices[place], 0) / want.share)
                left.devices[place] -= taken * want.share
                count -= taken
            }
            if count > 0, let place = want.places.first { left.devices[place] -= count * want.share }
        }
        return left
    }

    private func takeCores(from left: inout NodeSummary) {
        var missing = Int32(clamping: cpus)
        for place in left.cores.indices.sorted(by: { left.cores[$0] > left.cores[$1] }) {
            let taken = min(missing, max(left.cores[place], 0))
            left.cores[place] -= taken
            left.pus[place] -= taken * threads[place]
            missing -= taken
        }
        if missing > 0, !left.cores.isEmpty { left.cores[0] -= missing }
    }

    /// Threads of cores in use before those of whole ones, as where they are placed.
    private func takeThreads(from left: inout NodeSummary) {
        var missing = Int32(clamping: cpus)
        for place in left.pus.indices.sorted(by: { left.pus[$0] > left.pus[$1] }) {
            let taken = min(missing, max(left.pus[place], 0))
            let loose = max(0, left.pus[place] - left.cores[place] * threads[place])
            left.cores[place] -= (max(0, taken - loose) + threads[place] - 1) / threads[place]
            left.pus[place] -= taken
            missing -= taken
        }
        if missing > 0, !left.pus.isEmpty { left.pus[0] -= missing }
    }

    func score(_ summary: NodeSummary, fragmentation: Int) -> PlacementScore {
        PlacementScore(
            slowdown: Int((min(1 / speed - 1, 1e6) * 10).rounded()) * 10, fragmentation: fragmentation,
            unaskedDevices: unasked.count { summary.devices[$0] > 0 },
            coresLeft: countsThreads ? summary.puCount - cpus : summary.coreCount - cpus,
            memoryLeftMiB: (summary.memoryBytes - memoryBytes) >> 20)
    }
}
