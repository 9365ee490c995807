import BerthModel

/// What decides whether a task fits on a node, as amounts. Nodes with equal summaries are interchangeable.
struct NodeSummary: Hashable, Sendable {
    /// The node's make: what it is when it is empty.
    var make: Int
    /// Whole free cores, by place in the make's list of NUMA nodes.
    var cores: [Int32] { didSet { coreCount = Self.sum(cores) } }
    /// Free PUs of the cores there.
    var pus: [Int32] { didSet { puCount = Self.sum(pus) } }
    /// Free bytes, by place in the make's list of NUMA nodes.
    var memory: [Int64] { didSet { memoryBytes = Self.sum(memory) } }
    /// Free thousandths, by place in the make's list of devices.
    var devices: [Int32]
    var isEmpty: Bool

    /// The sums, since they are asked for far more often than they change.
    private(set) var coreCount: Int
    private(set) var puCount: Int
    private(set) var memoryBytes: Int64

    init(make: Int, cores: [Int32], pus: [Int32], memory: [Int64], devices: [Int32], isEmpty: Bool) {
        self.make = make
        self.cores = cores
        self.pus = pus
        self.memory = memory
        self.devices = devices
        self.isEmpty = isEmpty
        coreCount = Self.sum(cores)
        puCount = Self.sum(pus)
        memoryBytes = Self.sum(memory)
    }

    /// The same with nothing left.
    var usedUp: NodeSummary {
        NodeSummary(
            make: make, cores: cores.map { _ in 0 }, pus: pus.map { _ in 0 }, memory: memory.map { _ in 0 },
            devices: devices.map { _ in 0 }, isEmpty: false)
    }

    private static func sum(_ counts: [Int32]) -> Int { counts.reduce(0) { $0 + Int($1) } }
    private static func sum(_ memory: [Int64]) -> Int64 { memory.reduce(0) { $0.addingClamped($1) } }
}

/// What nodes have in common that differ in nothing but name and present use.
struct NodeMake: Sendable {
    /// A node of this make, as it was when the make was first seen.
    let example: Node
    let layout: NodeLayout
    /// NUMA nodes with host memory, and devices that may be given, in a fixed order.
    let numaNodes: [Int]
    let devices: [Device]
    /// When its nodes must be empty, by a maintenance reservation.
    let closing: Timestamp?

    init(_ node: Node, closing: Timestamp? = nil) {
        self.closing = closing
        example = node
        layout = NodeLayout(node.inventory)
        numaNodes = node.capacity.memory.keys.sorted()
        devices = node.inventory.devices.filter { node.capacity.devices[$0.name] != nil }
    }

    func summary(of free: FreeResources, capacity: FreeResources, make: Int) -> NodeSummary {
        var cores = [Int32](repeating: 0, count: layout.numaParts.count)
        for (place, part) in layout.numaParts.enumerated() {
            cores[place] = Int32(clamping: part.wholeCores(of: free.cpus))
        }
        return NodeSummary(
            make: make, cores: cores,
            pus: layout.numaParts.map { Int32(clamping: $0.cpus.sharedCount(with: free.cpus)) },
            memory: numaNodes.map { free.memory[$0] ?? 0 },
            devices: devices.map { Int32(clamping: free.devices[$0.name] ?? 0) }, isEmpty: free == capacity)
    }

    /// What makes nodes equal but for their names: everything a rule or a request may ask about.
    struct Key: Hashable, Sendable {
        var inventory: String
        var labels: [String: String]
        /// Names of the warm pools.
        var pools: [String]
        var reservedCPUs: Int
        var reservedMemoryBytes: Int64
        var closing: Timestamp?
        /// Set where a rule asks for the node's name: then it is its own make.
        var name: NodeName?
    }
}

/// A node's cores, parted once for all that is placed on it.
struct NodeLayout: Sendable {
    let numaParts: [Part]
    let packageParts: [Part]
    let wholeNode: Part

    /// A part of a node: cores, and the NUMA nodes with host memory beside them.
    struct Part: Sendable {
        let cores: [Inventory.Core]
        let numaNodes: [Int]
        let cpus: CPUSet

        init(_ cores: [Inventory.Core], of inventory: Inventory) {
            self.cores = cores
            let cpus = cores.reduce(into: CPUSet()) { $0.formUnion($1.cpus) }
            self.cpus = cpus
            numaNodes = inventory.numaNodes.filter { $0.isHostMemory && !$0.cpus.isDisjoint(with: cpus) }.map(\.number)
        }

        func wholeCores(of free: CPUSet) -> Int { cores.count { $0.cpus.isSubset(of: free) } }
    }

    init(_ inventory: Inventory) {
        func parts(_ key: (Inventory.Core) -> Int?) -> [Part] {
            Dictionary(grouping: inventory.cores) { key($0) ?? -1 }.sorted { $0.key < $1.key }
                .map { Part($0.value, of: inventory) }
        }
        numaParts = parts(\.numaNode)
        packageParts = parts(\.package)
        wholeNode = Part(inventory.cores, of: inventory)
    }

    func parts(_ level: Locality.Level) -> [Part] {
        switch level {
        case .numa: numaParts
        case .package: packageParts
        case .node: [wholeNode]
        }
    }
}
