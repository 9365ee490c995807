/// Exactly what an attempt is given on its node: the agent applies these numbers and no others.
public struct Allocation: Hashable, Sendable, Codable {
    public var node: NodeName
    public var cpus: CPUSet
    /// Whole cores among `cpus`.
    public var coreCount: Int
    /// Host memory, by NUMA node, ascending; empty where none was asked for.
    public var memory: [MemoryShare]
    public var devices: [DeviceShare]
    /// Which of the job's shapes this is: 0 for `resources`, from 1 for `alternatives`.
    public var shape: Int
    public var isExclusive: Bool

    public init(
        node: NodeName, cpus: CPUSet, coreCount: Int, memory: [MemoryShare] = [], devices: [DeviceShare] = [],
        shape: Int = 0, isExclusive: Bool = false
    ) {
        self.node = node
        self.cpus = cpus
        self.coreCount = coreCount
        self.memory = memory
        self.devices = devices
        self.shape = shape
        self.isExclusive = isExclusive
    }

    public var memoryBytes: Int64 { memory.reduce(0) { $0 + $1.bytes } }

    public struct MemoryShare: Hashable, Sendable, Codable {
        public var numaNode: Int
        public var bytes: Int64

        public init(numaNode: Int, bytes: Int64) {
            self.numaNode = numaNode
            self.bytes = bytes
        }
    }

    public struct DeviceShare: Hashable, Sendable, Codable {
        /// The device's name on its node.
        public var name: String
        public var kind: String
        /// Thousandths of one instance; whole instances are multiples of 1000.
        public var thousandths: Int

        public init(name: String, kind: String, thousandths: Int) {
            self.name = name
            self.kind = kind
            self.thousandths = thousandths
        }
    }
}

/// What is not given away on a node.
public struct FreeResources: Hashable, Sendable, Codable {
    public var cpus: CPUSet
    /// Bytes by NUMA node, for those with host memory of known size.
    public var memory: [Int: Int64]
    /// Thousandths by device name, for healthy devices.
    public var devices: [String: Int]

    public init(cpus: CPUSet, memory: [Int: Int64], devices: [String: Int]) {
        self.cpus = cpus
        self.memory = memory
        self.devices = devices
    }

    public var memoryBytes: Int64 { memory.values.reduce(0) { $0.addingClamped($1) } }

    /// Whether all of `allocation` is here, shares of the same thing added up.
    public func covers(_ allocation: Allocation) -> Bool {
        guard allocation.cpus.isSubset(of: cpus) else { return false }
        let (bytes, thousandths) = (allocation.memory, allocation.devices)
        return bytes.allSatisfy { share in
            let sum: Int64 = bytes.reduce(0) { $1.numaNode == share.numaNode ? $0.addingClamped($1.bytes) : $0 }
            return share.bytes >= 0 && memory[share.numaNode, default: 0] >= sum
        }
            && thousandths.allSatisfy { share in
                let sum = thousandths.reduce(0) { $1.name == share.name ? $0 + $1.thousandths : $0 }
                return share.thousandths >= 0 && devices[share.name, default: 0] >= sum
            }
    }

    public mutating func take(_ allocation: Allocation) {
        precondition(covers(allocation), "only what is free is given")
        cpus.subtract(allocation.cpus)
        for share in allocation.memory { memory[share.numaNode, default: 0] -= share.bytes }
        for share in allocation.devices { devices[share.name, default: 0] -= share.thousandths }
    }
}
