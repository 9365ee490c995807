public import BerthModel

/// What drivers say of the devices on this machine.
public struct ProbeReport: Hashable, Sendable {
    public var devices: [ProbedDevice]
    /// The driver's version by its name, for `MachineStack.drivers`.
    public var drivers: [String: String]
    /// Why a driver that is installed said nothing, a sentence each.
    public var problems: [String]

    public init(devices: [ProbedDevice] = [], drivers: [String: String] = [:], problems: [String] = []) {
        self.devices = devices
        self.drivers = drivers
        self.problems = problems
    }
}

/// A GPU as its driver describes it; what the driver does not tell is nil.
public struct ProbedDevice: Hashable, Sendable {
    public var pciAddress: PCIAddress
    public var vendor: String
    public var model: String?
    public var uuid: String?
    public var memoryBytes: Int64?
    /// Whether it is divided: its instances are given to jobs then, never the whole.
    public var isMIGEnabled: Bool
    public var instances: [Instance]
    /// The GPUs it is linked to directly, and by how many links.
    public var links: [PCIAddress: Int]
    public var linkKind: Inventory.DeviceLink.Kind
    public var health: Device.Health

    /// A part of a GPU that is isolated by hardware (MIG).
    public struct Instance: Hashable, Sendable {
        /// Its place among the GPU's instances.
        public var index: Int
        public var uuid: String
        /// `1g.10gb`
        public var profile: String?
        public var memoryBytes: Int64?

        public init(index: Int, uuid: String, profile: String? = nil, memoryBytes: Int64? = nil) {
            self.index = index
            self.uuid = uuid
            self.profile = profile
            self.memoryBytes = memoryBytes
        }
    }

    public init(
        pciAddress: PCIAddress, vendor: String, model: String? = nil, uuid: String? = nil, memoryBytes: Int64? = nil,
        isMIGEnabled: Bool = false, instances: [Instance] = [],
        links: [PCIAddress: Int] = [:], linkKind: Inventory.DeviceLink.Kind = .nvlink,
        health: Device.Health = .healthy
    ) {
        self.pciAddress = pciAddress
        self.vendor = vendor
        self.model = model
        self.uuid = uuid
        self.memoryBytes = memoryBytes
        self.isMIGEnabled = isMIGEnabled
        self.instances = instances
        self.links = links
        self.linkKind = linkKind
        self.health = health
    }
}
