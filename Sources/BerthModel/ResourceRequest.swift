/// What one task of a job needs on its node.
public struct ResourceRequest: Hashable, Sendable, Codable {
    /// Whole cores, or PUs where `countsThreads`.
    public var cpus: Int
    public var countsThreads: Bool
    /// Host memory in bytes; nil reserves none. What a device's memory rule takes comes on top.
    public var memoryBytes: Int64?
    public var gpus: GPURequest?
    public var devices: [DeviceRequest]
    public var locality: Locality
    /// Nodes that start together; more than 1 is a gang.
    public var nodes: Int
    /// Whether the node is given to this task alone.
    public var isExclusive: Bool
    /// How fast it goes on each type of device, or of CPU where it asks for no device; nil where that is not said.
    public var throughput: Throughput?

    public init(
        cpus: Int = 1, countsThreads: Bool = false, memoryBytes: Int64? = nil, gpus: GPURequest? = nil,
        devices: [DeviceRequest] = [], locality: Locality = Locality(), nodes: Int = 1, isExclusive: Bool = false,
        throughput: Throughput? = nil
    ) {
        self.cpus = cpus
        self.countsThreads = countsThreads
        self.memoryBytes = memoryBytes
        self.gpus = gpus
        self.devices = devices
        self.locality = locality
        self.nodes = nodes
        self.isExclusive = isExclusive
        self.throughput = throughput
    }
}

/// GPUs for one task: a number of whole ones, or a share of one.
public struct GPURequest: Hashable, Sendable, Codable {
    /// Thousandths of a GPU: 2000 is two whole ones, 500 a half share. Above 1000 only whole ones.
    public var thousandths: Int
    /// Any of these models will do, compared without case as part of the device's name; empty takes any.
    public var models: [String]
    /// Each GPU has at least this much memory; nil takes any. Of a share, its part of the memory counts.
    public var memoryBytes: Int64?
    /// Several GPUs must be joined by links of this kind.
    public var link: Inventory.DeviceLink.Kind?

    public init(
        thousandths: Int, models: [String] = [], memoryBytes: Int64? = nil, link: Inventory.DeviceLink.Kind? = nil
    ) {
        self.thousandths = thousandths
        self.models = models
        self.memoryBytes = memoryBytes
        self.link = link
    }

    public static let whole = 1000
    /// GPUs that it touches.
    public var count: Int { (thousandths + Self.whole - 1) / Self.whole }
    /// Thousandths taken of each GPU that it touches.
    public var share: Int { Swift.min(thousandths, Self.whole) }
}

/// Instances of one device of a declared kind.
public struct DeviceRequest: Hashable, Sendable, Codable {
    public var kind: String
    public var count: Int
    /// What the device must offer, and what its memory rule is worked out from. A number `qubits: 28` asks for a device
    /// whose `maxQubits` is at least 28, or whose `qubits` is 28; a text or flag asks for the same value.
    public var attributes: [String: AttributeValue]

    public init(kind: String, count: Int = 1, attributes: [String: AttributeValue] = [:]) {
        self.kind = kind
        self.count = count
        self.attributes = attributes
    }

    /// The first attribute that `device` cannot meet, or that its memory rule needs and the request does not say.
    public func unmetAttribute(on device: Device) -> String? {
        if let unsaid = device.memoryRule?.expression.names.first(where: { attributes[$0] == nil }) { return unsaid }
        return attributes.sorted { $0.key < $1.key }.first { name, asked in
            if case .number(let asked) = asked,
                case .number(let most) = device.attributes["max" + name.prefix(1).uppercased() + name.dropFirst()]
            {
                return asked > most
            }
            return device.attributes[name] != asked
        }?.key
    }
}

/// How near to each other a task's cores, memory and devices are.
public struct Locality: Hashable, Sendable, Codable, CustomStringConvertible {
    /// All within one of these.
    public enum Level: String, Hashable, Sendable, Codable, CaseIterable { case numa, package, node }

    public var level: Level
    /// A wish is given up where nothing else fits now; a demand never.
    public var isWish: Bool

    public init(_ level: Level = .node, isWish: Bool = false) {
        self.level = level
        self.isWish = isWish
    }

    /// Reads `numa`, `package`, `node` or `numa?`.
    public init?(text: String) {
        let isWish = text.hasSuffix("?")
        guard let level = Level(rawValue: isWish ? String(text.dropLast()) : text) else { return nil }
        self.init(level, isWish: isWish)
    }

    public var description: String { level.rawValue + (isWish ? "?" : "") }
}
