public import BerthModel

/// A node as programs see it.
public struct NodeView: Codable, Sendable, Hashable {
    /// up, drained (no new work), draining (drained, and attempts still run) or lost
    public enum State: String, Codable, Sendable { case up, draining, drained, lost }

    public var name: String
    public var state: State
    @Nullable public var drainReason: String?
    /// The attempts for which Berth drained it by itself, the latest last; empty where it did not.
    public var drainEvidence: [TroubleView]
    /// What was found wrong with it, the latest last; gone when it is undrained.
    public var faults: [FaultView]
    public var labels: [String: String]
    public var cores: Int
    public var freeCores: Int
    public var pus: Int
    @Nullable public var memoryBytes: Int64?
    @Nullable public var freeMemoryBytes: Int64?
    public var memorySource: String
    public var numaNodes: Int
    public var packages: Int
    @Nullable public var cpuModel: String?
    @Nullable public var architecture: String?
    public var devices: [DeviceView]
    public var holders: [HolderView]
    public var emulated: Bool
    public var isolation: String
    public var agentVersion: String
    public var stack: MachineStack
    public var topologyDigest: String

    public struct DeviceView: Codable, Sendable, Hashable {
        public var name: String
        public var kind: String
        @Nullable public var model: String?
        @Nullable public var pciAddress: String?
        @Nullable public var uuid: String?
        @Nullable public var memoryBytes: Int64?
        public var numaNodes: [Int]
        public var count: Int
        /// Instances that are free.
        public var free: Double
        /// healthy, or why it cannot be used
        public var health: String
        public var attributes: [String: AttributeValue]
        public var declared: Bool
        /// By which it is used, as far as they are known.
        public var files: [String]
    }

    /// An attempt that went wrong on the node.
    public struct TroubleView: Codable, Sendable, Hashable {
        /// launch, refused, binding or failure
        public var kind: String
        public var time: String
        public var attempt: String
        /// Of its job: `"train-#" of ada`.
        public var family: String
        public var text: String

        public init(_ trouble: NodeTrouble) {
            kind = trouble.kind.rawValue
            time = trouble.time.description
            attempt = trouble.attempt.description
            family = trouble.family.description
            text = trouble.text
        }
    }

    /// Something that is wrong with the node.
    public struct FaultView: Codable, Sendable, Hashable {
        /// binding or failing
        public var kind: String
        public var time: String
        public var attempt: String
        public var text: String
    }

    /// Who holds what.
    public struct HolderView: Codable, Sendable, Hashable {
        public var attempt: String
        public var job: String
        public var cpuset: String
        public var cores: Int
        /// Bytes by NUMA node.
        public var memory: [Int: Int64]
        /// Instances by device.
        public var devices: [String: Double]
    }

    public init(_ node: Node) {
        let inventory = node.inventory
        name = node.name.text
        state = !node.isUp ? .lost : node.takesWork ? .up : node.given.isEmpty ? .drained : .draining
        drainReason = node.drain?.reason ?? (node.registration.isLeaving ? "its agent is leaving" : nil)
        drainEvidence = (node.drain?.evidence ?? []).map(TroubleView.init)
        faults = (node.faults ?? []).map {
            FaultView(
                kind: $0.kind.rawValue, time: $0.time.description, attempt: $0.attempt.description, text: $0.text)
        }
        labels = node.registration.labels
        cores = inventory.cores.count { $0.cpus.isSubset(of: node.capacity.cpus) }
        freeCores = inventory.cores.count { $0.cpus.isSubset(of: node.free.cpus) }
        pus = node.capacity.cpus.count
        memoryBytes = node.capacity.memory.isEmpty ? nil : node.capacity.memoryBytes
        freeMemoryBytes = node.capacity.memory.isEmpty ? nil : node.free.memoryBytes
        memorySource = inventory.memorySource.rawValue
        numaNodes = inventory.numaNodes.count { !$0.cpus.isEmpty }
        packages = inventory.packages.count
        cpuModel = inventory.cpuModel
        architecture = inventory.architecture
        devices = inventory.devices.map { DeviceView($0, freeThousandths: node.free.devices[$0.name] ?? 0) }
        holders = node.given.sorted { $0.key < $1.key }.map { attempt, allocation in
            HolderView(
                attempt: attempt.description, job: attempt.task.job.description, cpuset: allocation.cpus.description,
                cores: allocation.coreCount,
                memory: Dictionary(allocation.memory.map { ($0.numaNode, $0.bytes) }, uniquingKeysWith: +),
                devices: Dictionary(
                    allocation.devices.map { ($0.name, Double($0.thousandths) / Double(GPURequest.whole)) },
                    uniquingKeysWith: +))
        }
        emulated = node.registration.isEmulated
        isolation = node.registration.isolation
        agentVersion = node.registration.agentVersion
        stack = node.registration.stack
        topologyDigest = node.registration.inventoryDigest
    }
}

extension NodeView.DeviceView {
    public init(_ device: Device, freeThousandths: Int) {
        name = device.name
        kind = device.kind
        model = device.model
        pciAddress = device.pciAddress
        uuid = device.uuid
        memoryBytes = device.memoryBytes
        numaNodes = device.numaNodes
        count = device.count
        free = Double(freeThousandths) / Double(GPURequest.whole)
        health = if case .unusable(let why) = device.health { why } else { "healthy" }
        attributes = device.attributes
        declared = device.isDeclared
        files = device.files ?? []
    }
}

/// A node with its whole inventory, for drawing.
public struct NodeTopologyView: Codable, Sendable, Hashable {
    public var node: NodeView
    public var inventory: Inventory

    public init(_ node: Node) {
        self.node = NodeView(node)
        inventory = node.inventory
    }
}

/// A machine's inventory as `berth topology --json` prints it.
public struct TopologyView: Codable, Sendable, Hashable {
    @Nullable public var name: String?
    public var packages: Int
    /// Those with PUs that may be used; likewise cores and PUs.
    public var numaNodes: Int
    public var cores: Int
    public var pus: Int
    @Nullable public var memoryBytes: Int64?
    public var memorySource: String
    @Nullable public var cpuModel: String?
    @Nullable public var architecture: String?
    public var cpuKinds: [Inventory.CPUKind]
    public var devices: [NodeView.DeviceView]
    public var links: [Inventory.DeviceLink]
    public var networkInterfaces: [Inventory.NetworkInterface]
    public var inventory: Inventory

    public init(name: String?, _ inventory: Inventory) {
        self.name = name
        self.inventory = inventory
        packages = inventory.packages.count
        numaNodes = inventory.numaNodes.count { !$0.cpus.isEmpty }
        cores = inventory.cores.count
        pus = inventory.cpus.count
        memoryBytes = inventory.memoryBytes
        memorySource = inventory.memorySource.rawValue
        cpuModel = inventory.cpuModel
        architecture = inventory.architecture
        cpuKinds = inventory.cpuKinds
        devices = inventory.devices.map { NodeView.DeviceView($0, freeThousandths: $0.count * GPURequest.whole) }
        links = inventory.links
        networkInterfaces = inventory.networkInterfaces
    }
}
