/// A machine that runs jobs, as the controller knows it.
public struct Node: Hashable, Sendable, Codable {
    public let name: NodeName
    public internal(set) var registration: NodeRegistration
    /// Whether its agent is heard. A lost node's attempts have been given up.
    public internal(set) var isUp: Bool
    /// Why it takes no new work; nil while it does.
    public internal(set) var drain: Drain?
    /// What it may give in all: its inventory less its reserve.
    public internal(set) var capacity: FreeResources
    public internal(set) var free: FreeResources
    /// What is given, by attempt. An attempt that was given up on a lost node stays here until the node's agent says
    /// that it is gone.
    public internal(set) var given: [AttemptID: Allocation]
    /// Who takes over what attempts hold, by the holder.
    public internal(set) var successions: [AttemptID: Succession] = [:]

    /// What was found wrong with it last, the latest last, until somebody undrains it.
    public internal(set) var faults: [Fault]?
    /// Attempts that went wrong on it since the last that went well, the latest last; nil for none.
    public internal(set) var troubles: [NodeTrouble]?

    public var inventory: Inventory { registration.inventory }
    /// Whether new work may start here.
    public var takesWork: Bool { isUp && drain == nil && !registration.isLeaving }

    /// Something that is wrong with a node and not with the jobs on it.
    public struct Fault: Hashable, Sendable, Codable {
        public enum Kind: String, Hashable, Sendable, Codable {
            /// The kernel granted an attempt other CPUs or NUMA nodes than the plan.
            case binding
            /// Attempt after attempt fails on it, and so few nodes work besides that Berth does not drain it.
            case failing
        }

        public var kind: Kind
        public var time: Timestamp
        /// During which it was seen.
        public var attempt: AttemptID
        public var text: String

        public init(kind: Kind, time: Timestamp, attempt: AttemptID, text: String) {
            self.kind = kind
            self.time = time
            self.attempt = attempt
            self.text = text
        }
    }

    /// So many faults are kept of a node.
    static let keptFaults = 8

    public struct Drain: Hashable, Sendable, Codable {
        public var reason: String
        public var by: String
        /// The attempts for which Berth drained it by itself, the latest last; nil where a person did.
        public var evidence: [NodeTrouble]?

        public init(reason: String, by: String, evidence: [NodeTrouble]? = nil) {
            self.reason = reason
            self.by = by
            self.evidence = evidence
        }
    }

    init(registration: NodeRegistration) {
        name = registration.name
        self.registration = registration
        isUp = true
        capacity = registration.capacity
        free = registration.capacity
        given = [:]
    }

    /// What a constraint sees: `node.name`, `node.label.zone`, `node.cores`, `node.memory` (bytes), `node.gpus`,
    /// `node.pools` (names of warm pools),
    /// `cpu.model`, `cpu.architecture`, `cpu.isa`, `gpu.model` and, for each kind of device, `device.KIND` (instances).
    public func attribute(_ name: String) -> AttributeValue? { registration.attribute(name) }

    /// Gives resources away on a copy of the node, for a plan in the making.
    public mutating func take(_ allocation: Allocation) { free.take(allocation) }

    /// Puts back on a copy of the node what an attempt held there; never more than the node has in all.
    public mutating func giveBack(_ allocation: Allocation) {
        free.cpus.formUnion(allocation.cpus.intersection(capacity.cpus))
        for share in allocation.memory {
            guard let total = capacity.memory[share.numaNode] else { continue }
            free.memory[share.numaNode] = Swift.min(total, free.memory[share.numaNode, default: 0] + share.bytes)
        }
        for share in allocation.devices {
            guard let total = capacity.devices[share.name] else { continue }
            free.devices[share.name] = Swift.min(total, free.devices[share.name, default: 0] + share.thousandths)
        }
    }

    /// Recomputes what is free after the capacity has changed: what is given stays given, even where it is now more
    /// than there is.
    mutating func refreshFree() {
        capacity = registration.capacity
        free = capacity
        for allocation in given.values {
            free.cpus.subtract(allocation.cpus)
            for share in allocation.memory { free.memory[share.numaNode]? -= share.bytes }
            for share in allocation.devices { free.devices[share.name]? -= share.thousandths }
        }
        free.memory = free.memory.mapValues { Swift.max(0, $0) }
        free.devices = free.devices.mapValues { Swift.max(0, $0) }
    }
}

/// What an agent says its node is when it joins.
public struct NodeRegistration: Hashable, Sendable, Codable {
    public var name: NodeName
    public var labels: [String: String]
    /// The name or number by which other nodes reach it; nil where gangs go by its name.
    public var address: String?
    /// Kept from jobs: so many cores, the last ones, and so many bytes.
    public var reservedCPUs: Int
    public var reservedMemoryBytes: Int64
    public var isEmulated: Bool
    public var inventory: Inventory
    /// SHA-256 of the inventory in its canonical form, hexadecimal.
    public var inventoryDigest: String
    public var stack: MachineStack
    public var agentVersion: String
    /// How the node isolates attempts, in its own words: `process group, subreaper and rlimits`.
    public var isolation: String
    /// Whether its agent ends its attempts and then goes; it takes no new ones until a successor joins.
    public var isLeaving = false
    /// Whether its agent lets attempts wait behind others; nil where it does not.
    public var takesSuccessors: Bool?
    /// The warm slots it offers; nil where it offers none.
    public var pools: [PoolDefinition]?

    public init(
        name: NodeName, labels: [String: String] = [:], reservedCPUs: Int = 0, reservedMemoryBytes: Int64 = 0,
        isEmulated: Bool = false, inventory: Inventory, inventoryDigest: String = "",
        stack: MachineStack = MachineStack(),
        agentVersion: String = "", isolation: String = ""
    ) {
        self.name = name
        self.labels = labels
        self.reservedCPUs = reservedCPUs
        self.reservedMemoryBytes = reservedMemoryBytes
        self.isEmulated = isEmulated
        self.inventory = inventory
        self.inventoryDigest = inventoryDigest
        self.stack = stack
        self.agentVersion = agentVersion
        self.isolation = isolation
    }

    /// The inventory less the reserve. Reserved memory is taken from the NUMA nodes in order.
    public var capacity: FreeResources {
        var cpus = inventory.cpus
        for core in inventory.cores.suffix(reservedCPUs) { cpus.subtract(core.cpus) }
        var memory: [Int: Int64] = [:]
        var reserve = reservedMemoryBytes
        for numaNode in inventory.numaNodes where numaNode.isHostMemory {
            guard let bytes = numaNode.memoryBytes else { continue }
            let kept = Swift.min(reserve, bytes)
            reserve -= kept
            memory[numaNode.number] = bytes - kept
        }
        let healthy = inventory.devices.filter { $0.health == .healthy && $0.count > 0 }
        let devices = Dictionary(
            healthy.map { ($0.name, $0.count * GPURequest.whole) }, uniquingKeysWith: { first, _ in first })
        return FreeResources(cpus: cpus, memory: memory, devices: devices)
    }

    func attribute(_ name: String) -> AttributeValue? {
        switch name {
        case "node.name": .text(self.name.text)
        case "node.cores": .number(Double(inventory.cores.count))
        case "node.memory": inventory.memoryBytes.map { .number(Double($0)) }
        case "node.gpus": .number(Double(inventory.devices.filter { $0.kind == "gpu" }.count))
        case "node.pools": .list((pools ?? []).map(\.name))
        case "cpu.model": inventory.cpuModel.map { .text($0) }
        case "cpu.architecture": inventory.architecture.map { .text($0) }
        case "cpu.isa": .list(inventory.instructionSets)
        case "gpu.model": .list(inventory.devices.filter { $0.kind == "gpu" }.compactMap(\.model))
        case _ where name.hasPrefix("node.label."):
            labels[String(name.dropFirst("node.label.".count))].map { .text($0) }
        case _ where name.hasPrefix("device."):
            .number(
                Double(
                    inventory.devices.filter { $0.kind == name.dropFirst("device.".count) }.reduce(0) { $0 + $1.count })
            )
        default: nil
        }
    }
}
