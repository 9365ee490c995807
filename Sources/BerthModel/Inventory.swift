/// What a node's hardware is: the part of the topology that decisions are made from. An agent makes it once from hwloc
/// and its own probes; equal inventories are equal hardware.
///
/// Everything is listed in a fixed order (packages, NUMA nodes and cores by operating-system number, devices by PCI
/// address, declared ones by name after them), so that a digest of it is stable.
public struct Inventory: Hashable, Sendable, Codable {
    /// Packages (sockets) that have PUs which may be used.
    public var packages: [Package]
    /// All NUMA nodes, also those without PUs and those that are a GPU's memory; see `NUMANode.isHostMemory`.
    public var numaNodes: [NUMANode]
    /// Cores that have PUs which may be used. A machine that shows no cores has one per PU.
    public var cores: [Core]
    /// The PUs that may be used.
    public var cpus: CPUSet
    /// Kinds of cores, the least efficient-in-energy (fastest) last; empty where all are alike.
    public var cpuKinds: [CPUKind]
    /// One entry per physical or declared accelerator, never one per OS device.
    public var devices: [Device]
    /// Measured or reported links between devices.
    public var links: [DeviceLink]
    public var networkInterfaces: [NetworkInterface]
    /// Host memory beside PUs, in bytes; nil where the machine's description does not say.
    public var memoryBytes: Int64?
    public var memorySource: MemorySource
    /// The processor's name as it calls itself, `AMD EPYC 9654 96-Core Processor`.
    public var cpuModel: String?
    /// The instruction set's family, `x86_64`.
    public var architecture: String?
    /// Instruction-set extensions that constraints may ask for (`avx512f`), sorted.
    public var instructionSets: [String]

    public init(
        packages: [Package] = [], numaNodes: [NUMANode] = [], cores: [Core] = [], cpus: CPUSet = [],
        cpuKinds: [CPUKind] = [], devices: [Device] = [], links: [DeviceLink] = [],
        networkInterfaces: [NetworkInterface] = [], memoryBytes: Int64? = nil,
        memorySource: MemorySource = .unknown, cpuModel: String? = nil, architecture: String? = nil,
        instructionSets: [String] = []
    ) {
        self.packages = packages
        self.numaNodes = numaNodes
        self.cores = cores
        self.cpus = cpus
        self.cpuKinds = cpuKinds
        self.devices = devices
        self.links = links
        self.networkInterfaces = networkInterfaces
        self.memoryBytes = memoryBytes
        self.memorySource = memorySource
        self.cpuModel = cpuModel
        self.architecture = architecture
        self.instructionSets = instructionSets
    }

    /// A package of processors: what plugs into a socket.
    public struct Package: Hashable, Sendable, Codable {
        /// The operating system's number.
        public var number: Int
        public var model: String?
        public var cpus: CPUSet

        public init(number: Int, model: String? = nil, cpus: CPUSet) {
            self.number = number
            self.model = model
            self.cpus = cpus
        }
    }

    /// A piece of memory with one distance to each PU.
    public struct NUMANode: Hashable, Sendable, Codable {
        /// The operating system's number, as `set_mempolicy(2)` takes it.
        public var number: Int
        /// The PUs it is local to; empty for memory without PUs of its own.
        public var cpus: CPUSet
        /// nil where unknown; never 0.
        public var memoryBytes: Int64?
        public var tier: MemoryTier
        /// The PCI address of the GPU whose memory this is, if it is one's.
        public var devicePCIAddress: String?

        public init(
            number: Int, cpus: CPUSet, memoryBytes: Int64?, tier: MemoryTier = .dram, devicePCIAddress: String? = nil
        ) {
            self.number = number
            self.cpus = cpus
            self.memoryBytes = memoryBytes
            self.tier = tier
            self.devicePCIAddress = devicePCIAddress
        }

        /// Whether jobs get memory from it unasked: it lies beside PUs and is no GPU's.
        public var isHostMemory: Bool { !cpus.isEmpty && tier != .gpu }
    }

    /// Kinds of memory, as hwloc's subtypes name them.
    public enum MemoryTier: String, Hashable, Sendable, Codable, CaseIterable {
        case dram, hbm, nvm, cxl, specialPurpose, gpu
    }

    /// A core: one or more PUs that share execution units.
    public struct Core: Hashable, Sendable, Codable {
        /// Its place among the machine's cores in hwloc's order, from 0: unique in the machine.
        public var index: Int
        /// The operating system's number; not unique across packages.
        public var number: Int
        public var package: Int?
        /// The NUMA node with host memory it is nearest to.
        public var numaNode: Int?
        /// An index into `cpuKinds`.
        public var kind: Int?
        public var cpus: CPUSet

        public init(index: Int, number: Int, package: Int?, numaNode: Int?, kind: Int? = nil, cpus: CPUSet) {
            self.index = index
            self.number = number
            self.package = package
            self.numaNode = numaNode
            self.kind = kind
            self.cpus = cpus
        }
    }

    /// Cores of one kind (performance and efficiency cores, say).
    public struct CPUKind: Hashable, Sendable, Codable {
        /// hwloc's rank: higher is faster and hungrier; -1 where unknown.
        public var efficiency: Int
        public var attributes: [String: String]
        public var cpus: CPUSet

        public init(efficiency: Int, attributes: [String: String] = [:], cpus: CPUSet) {
            self.efficiency = efficiency
            self.attributes = attributes
            self.cpus = cpus
        }
    }

    /// How two devices are joined.
    public struct DeviceLink: Hashable, Sendable, Codable {
        public enum Kind: String, Hashable, Sendable, Codable { case nvlink, xgmi }

        /// Device names, `from` < `to`.
        public var from: String
        public var to: String
        public var kind: Kind
        /// 10^6 bytes a second, one direction; nil where only the link's presence is known.
        public var megabytesPerSecond: Int64?

        public init(from: String, to: String, kind: Kind, megabytesPerSecond: Int64? = nil) {
            self.from = from
            self.to = to
            self.kind = kind
            self.megabytesPerSecond = megabytesPerSecond
        }
    }

    /// A network interface with its locality.
    public struct NetworkInterface: Hashable, Sendable, Codable {
        public enum Kind: String, Hashable, Sendable, Codable { case ethernet, fabric }

        public var name: String
        public var kind: Kind
        public var pciAddress: String?
        public var numaNodes: [Int]

        public init(name: String, kind: Kind, pciAddress: String? = nil, numaNodes: [Int] = []) {
            self.name = name
            self.kind = kind
            self.pciAddress = pciAddress
            self.numaNodes = numaNodes
        }
    }

    /// Where the memory's size comes from.
    public enum MemorySource: String, Hashable, Sendable, Codable {
        /// The NUMA nodes' own counters add up to the machine's total.
        case numaNodes
        /// `/proc/meminfo`'s total, shared out over NUMA nodes by present pages, since their own counters fall short
        /// (a kernel that initialises memory lazily, a balloon).
        case memInfo
        /// A control group's limit, lower than what the machine has.
        case controlGroup
        /// hwloc XML or a synthetic description.
        case description
        case unknown
    }
}

/// An accelerator: a GPU or another PCI device that hwloc recognises, or one that the node's owner declares.
public struct Device: Hashable, Sendable, Codable {
    /// Unique on its node: `gpu0`, `qsim0`.
    public var name: String
    /// `gpu`, `accelerator`, or a declared kind such as `qsim`.
    public var kind: String
    public var vendor: String?
    public var model: String?
    /// `0000:3b:00.0`
    public var pciAddress: String?
    public var uuid: String?
    /// The device's own memory.
    public var memoryBytes: Int64?
    /// NUMA nodes it is near to; empty where unknown.
    public var numaNodes: [Int]
    /// How many jobs can hold it at once, an instance each. A whole GPU is one instance.
    public var count: Int
    /// What constraints and requests see beside the fields: `maxQubits`, `precision`.
    public var attributes: [String: AttributeValue]
    /// Bytes of host memory that a job's part takes, reserved with it.
    public var memoryRule: MemoryRule?
    /// Set for every job that holds it.
    public var environment: [String: String]
    public var health: Health
    /// Whether its node's owner declared it (hwloc does not see it).
    public var isDeclared: Bool
    /// The GPU that it is an instance of, by name: a MIG instance's.
    public var parent: String?
    /// What is run before and after jobs that hold it, and to see whether it works.
    public var care: DeviceCare?
    /// The character devices by which it is used, `/dev/nvidia0`: closed to jobs that do not hold it, where the node can do
    /// so. nil where none are known.
    public var files: [String]?

    public enum Health: Hashable, Sendable, Codable {
        case healthy
        /// It is there but cannot be given to jobs, and this is why.
        case unusable(String)
    }

    public init(
        name: String, kind: String, vendor: String? = nil, model: String? = nil, pciAddress: String? = nil,
        uuid: String? = nil, memoryBytes: Int64? = nil, numaNodes: [Int] = [], count: Int = 1,
        attributes: [String: AttributeValue] = [:], memoryRule: MemoryRule? = nil,
        environment: [String: String] = [:], health: Health = .healthy, isDeclared: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.vendor = vendor
        self.model = model
        self.pciAddress = pciAddress
        self.uuid = uuid
        self.memoryBytes = memoryBytes
        self.numaNodes = numaNodes
        self.count = count
        self.attributes = attributes
        self.memoryRule = memoryRule
        self.environment = environment
        self.health = health
        self.isDeclared = isDeclared
    }
}

/// What an attribute of a node, a device or a request may be.
public enum AttributeValue: Hashable, Sendable, CustomStringConvertible {
    case number(Double)
    case text(String)
    case flag(Bool)
    case list([String])

    public var description: String {
        switch self {
        case .number(let number): number == number.rounded() && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
        case .text(let text): text
        case .flag(let flag): flag ? "true" : "false"
        case .list(let items): "[" + items.joined(separator: ", ") + "]"
        }
    }
}

extension AttributeValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .list(try container.decode([String].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .flag(let flag): try container.encode(flag)
        case .list(let items): try container.encode(items)
        }
    }
}
