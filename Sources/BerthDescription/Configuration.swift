public import BerthModel
public import BerthScheduling

/// What a controller's configuration file says. See `config/controller.yaml`.
public struct ControllerConfiguration: Sendable {
    /// Where HTTP is served beside the local socket, `127.0.0.1:6464`; nil serves none.
    public var http: Endpoint?
    /// Where agents join, `0.0.0.0:6465`; the local socket is always there.
    public var agents: Endpoint?
    public var cluster = ClusterConfiguration()
    public var timing = Dispatcher.Timing()
    public var logLevel = "info"
    /// Names of environment variables whose values are secret, with `*`.
    public var secretPatterns = [
        "*TOKEN*", "*SECRET*", "*PASSWORD*", "*PASSWD*", "*CREDENTIAL*", "*API_KEY*", "*APIKEY*", "*PRIVATE_KEY*",
        "*ACCESS_KEY*",
    ]

    public init() {}

    /// - Parameter readFile: reads the file that `queuesFile` names, relative to this one.
    public init(_ bytes: [UInt8], file: String, readFile: (String) throws -> [UInt8]) throws {
        guard let document = try Document.only(bytes, file: file) else { return }
        var fields = try Fields(document, "the controller's configuration")
        if let listen = fields.optional("listen") {
            var part = try Fields(listen, "listen")
            http = try part.optional("http").flatMap(Endpoint.read)
            agents = try part.optional("agents").flatMap(Endpoint.read)
            try part.finish()
        }
        if let heartbeat = fields.optional("heartbeat") {
            var part = try Fields(heartbeat, "heartbeat")
            timing.heartbeatInterval = try part.duration("interval") ?? timing.heartbeatInterval
            timing.lostAfter = try part.duration("lostAfter") ?? timing.lostAfter
            guard timing.heartbeatInterval >= .milliseconds(10) else {
                throw heartbeat.failure("interval is at least 10ms")
            }
            guard timing.lostAfter.microseconds / 2 >= timing.heartbeatInterval.microseconds else {
                throw heartbeat.failure("lostAfter is at least twice the interval")
            }
            try part.finish()
        }
        logLevel = try fields.text("logLevel") ?? logLevel
        if let secrets = fields.optional("secrets") {
            var part = try Fields(secrets, "secrets")
            secretPatterns = try part.texts("patterns") ?? secretPatterns
            try part.finish()
        }
        var queues = fields.optional("queues")
        if let queuesFile = try fields.text("queuesFile") {
            guard queues == nil else {
                throw document.failure("the configuration has both queues and queuesFile; keep one")
            }
            queues = try Document.only(readFile(queuesFile), file: queuesFile)
            guard queues != nil else { throw document.failure("queuesFile \(queuesFile.shown) holds no queues") }
        }
        if let queues { cluster.queues = try Self.queues(queues) }
        cluster.defaultQueue = try fields.text("defaultQueue") ?? cluster.defaultQueue
        guard cluster.queue(cluster.defaultQueue) != nil else {
            throw document.failure("defaultQueue \"\(cluster.defaultQueue)\" is none of the queues")
        }
        if let planning = fields.optional("planning") { cluster.planning = try PlanningConfiguration(planning) }
        if let failures = fields.optional("failures") { cluster.failures = try FailureLimits(failures) }
        try fields.finish()
    }

    private static func queues(_ document: Document) throws(DescriptionError) -> [Queue] {
        var queues: [Queue] = []
        for item in try document.list("queues") {
            var fields = try Fields(item, "a queue")
            var queue = Queue(
                name: try fields.required("name").text("name"),
                tier: try fields.integer("tier", -1_000_000...1_000_000) ?? 0,
                isPreemptible: try fields.flag("preemptible") ?? false,
                minimumRunTime: try fields.duration("minimumRunTime") ?? .zero)
            guard NodeName(queue.name).isWellFormed else {
                throw item.failure("\"\(queue.name)\" is no name for a queue")
            }
            guard !queues.contains(where: { $0.name == queue.name }) else {
                throw item.failure("queue \"\(queue.name)\" stands twice")
            }
            queue.nodes = try fields.optional("nodes")?.expression("nodes")
            queue.maximumRunning = try fields.integer("maximumRunning", 1...10_000_000)
            queue.maximumRunningPerUser = try fields.integer("maximumRunningPerUser", 1...10_000_000)
            queue.maximumRunningPerProject = try fields.integer("maximumRunningPerProject", 1...10_000_000)
            queue.maximumTime = try fields.duration("maximumTime")
            queue.defaultTime = try fields.duration("defaultTime")
            queue.maximumGrace = try fields.duration("maximumGrace") ?? queue.maximumGrace
            try fields.finish()
            queues.append(queue)
        }
        guard !queues.isEmpty else { throw document.failure("there is at least one queue") }
        return queues
    }
}

/// A host and a port.
public struct Endpoint: Sendable, Hashable {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `HOST:PORT`, `[::1]:PORT` or `:PORT`.
    public init?(_ text: String) {
        guard let sign = text.lastIndex(of: ":"), let port = Int(text[text.index(after: sign)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<sign]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard host.utf8.allSatisfy({ Self.belongsToHost($0) || isBracketed && $0 == UInt8(ascii: ":") }),
            !isBracketed || !host.isEmpty,
            text[text.index(after: sign)...].utf8.allSatisfy({ (48...57).contains($0) })
        else { return nil }
        self.init(host: host.isEmpty ? "127.0.0.1" : String(host), port: port)
    }

    private static func belongsToHost(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "%"):
            true
        default: false
        }
    }

    /// nil for `none`.
    static func read(_ document: Document) throws(DescriptionError) -> Endpoint? {
        let text = try document.text("listen")
        if text == "none" { return nil }
        guard let endpoint = Endpoint(text) else {
            throw document.failure("an address is HOST:PORT or none, and here stands \"\(text.shown)\"")
        }
        return endpoint
    }
}

/// What an agent's configuration file says. See `config/agent.yaml`.
public struct AgentConfiguration: Sendable {
    /// nil takes the machine's own name.
    public var name: String?
    public var labels: [String: String] = [:]
    /// By which other nodes reach it; nil for the address of its connection to the controller.
    public var address: String?
    public var reservedCPUs = 0
    public var reservedMemoryBytes: Int64 = 0
    /// A file of hwloc XML that describes an emulated node; nil reads this machine.
    public var topologyFile: String?
    /// Whether jobs are not run but last their expected time.
    public var isEmulated = false
    /// Whether jobs that root has submitted run as root, where the agent is root; nil where the controller is on the
    /// same machine.
    public var allowsRoot: Bool?
    public var devices: [Device] = []
    /// The warm slots that jobs may start from.
    public var pools: [PoolDefinition] = []
    public var controller: String?
    public var tokenFile: String?
    public var stateDirectory: String?
    /// How much Berth keeps of what an attempt writes to one stream, and how long after the last change.
    public var outputMaximumBytes: Int64 = 1 << 30
    public var outputKeep = Duration.seconds(14 * 86_400)
    /// How the node learns that it will soon be gone.
    public var warning: OutsideWarning?
    public var logLevel = "info"

    public init() {}

    public init(_ bytes: [UInt8], file: String) throws(DescriptionError) {
        guard let document = try Document.only(bytes, file: file) else { return }
        var fields = try Fields(document, "the agent's configuration")
        if let node = fields.optional("node") {
            var part = try Fields(node, "node")
            name = try part.text("name")
            labels = try part.textMapping("labels") ?? [:]
            address = try part.text("address")
            if let address, address.isEmpty || address.contains(where: { $0.isWhitespace || $0 == "," }) {
                throw node.failure("\"\(address.shown)\" is no address of a node: a name or a number, 10.0.0.7")
            }
            if let name, !NodeName(name).isWellFormed { throw node.failure("\"\(name)\" is no name for a node") }
            try part.finish()
        }
        if let reserve = fields.optional("reserve") {
            var part = try Fields(reserve, "reserve")
            reservedCPUs = try part.integer("cpus", 0...100_000) ?? 0
            reservedMemoryBytes = try part.bytes("memory") ?? 0
            try part.finish()
        }
        if let topology = try fields.text("topology"), topology != "system" { topologyFile = topology }
        if let execution = fields.optional("execution") {
            switch try execution.text("execution") {
            case "real": isEmulated = false
            case "emulated": isEmulated = true
            default: throw execution.failure("execution is real or emulated, and here stands \(execution.kind)")
            }
        }
        guard topologyFile == nil || isEmulated else {
            throw document.failure("a node whose topology is a file is emulated: write execution: emulated")
        }
        if let jobs = fields.optional("jobs") {
            var part = try Fields(jobs, "jobs")
            allowsRoot = try part.flag("allowRoot")
            try part.finish()
        }
        for item in try fields.optional("devices")?.list("devices") ?? [] { try addDevice(item) }
        for item in try fields.optional("pools")?.list("pools") ?? [] {
            let pool = try PoolDefinition(document: item)
            guard !pools.contains(where: { $0.name == pool.name }) else {
                throw item.failure("the pool \"\(pool.name)\" stands twice")
            }
            pools.append(pool)
        }
        if let document = fields.optional("controller") {
            var part = try Fields(document, "controller")
            controller = try part.text("url")
            tokenFile = try part.text("tokenFile")
            try part.finish()
        }
        stateDirectory = try fields.text("stateDirectory")
        if let logs = fields.optional("logs") {
            var part = try Fields(logs, "logs")
            outputMaximumBytes = try part.bytes("maximum") ?? outputMaximumBytes
            outputKeep = try part.duration("keep") ?? outputKeep
            guard outputMaximumBytes >= 1 << 20 else { throw logs.failure("maximum is at least 1MiB") }
            guard outputKeep >= .seconds(60) else { throw logs.failure("keep is at least 1m") }
            try part.finish()
        }
        warning = try fields.optional("warning").map(OutsideWarning.init(document:))
        logLevel = try fields.text("logLevel") ?? logLevel
        try fields.finish()
    }

    private mutating func addDevice(_ document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "a device")
        let kind = try fields.required("kind").text("kind")
        guard NodeName(kind).isWellFormed, kind != "gpu" else {
            throw document.failure("\"\(kind)\" is no kind for a declared device (GPUs are found by themselves)")
        }
        let number = devices.count { $0.kind == kind }
        var device = Device(
            name: try fields.text("name") ?? "\(kind)\(number)", kind: kind,
            vendor: try fields.text("vendor"), model: try fields.text("model"),
            count: try fields.integer("count", 1...100_000) ?? 1, isDeclared: true)
        guard NodeName(device.name).isWellFormed, !devices.contains(where: { $0.name == device.name }) else {
            throw document.failure("\"\(device.name)\" is no name for a device, or stands twice")
        }
        device.memoryBytes = try fields.bytes("memory")
        if let attributes = fields.optional("attributes") {
            guard case .mapping(let entries) = attributes.content else {
                throw attributes.failure("attributes is a mapping")
            }
            for (name, value) in entries { device.attributes[name] = try value.attribute("attributes.\(name)") }
        }
        if let rule = fields.optional("memoryRule") {
            _ = try rule.expression("memoryRule")
            device.memoryRule = try? MemoryRule(rule.text("memoryRule"))
        }
        if let near = try fields.text("near"), near != "machine" {
            guard near.hasPrefix("numa:"), let number = Int(near.dropFirst(5)), number >= 0 else {
                throw document.failure("near is numa:N or machine, and here stands \"\(near.shown)\"")
            }
            device.numaNodes = [number]
        }
        device.environment = try fields.textMapping("environment") ?? [:]
        device.files = try fields.texts("files")
        for file in device.files ?? [] where !file.hasPrefix("/dev/") {
            throw document.failure("files are devices below /dev, and here stands \"\(file.shown)\"")
        }
        device.care = try Self.care(&fields)
        try fields.finish()
        devices.append(device)
    }

    /// `hooks: {start: […], stop: […]}` and `health: {command: […], every: 30s}`; nil where neither is written.
    private static func care(_ fields: inout Fields) throws(DescriptionError) -> DeviceCare? {
        var care = DeviceCare()
        if let document = fields.optional("hooks") {
            var hooks = try Fields(document, "hooks")
            care.startHook = try hooks.texts("start") ?? []
            care.stopHook = try hooks.texts("stop") ?? []
            try hooks.finish()
        }
        if let document = fields.optional("health") {
            var health = try Fields(document, "health")
            care.healthCommand = try health.required("command").texts("command")
            care.healthInterval = try health.duration("every") ?? care.healthInterval
            guard care.healthInterval >= .seconds(1), !care.healthCommand.isEmpty else {
                throw document.failure("health needs a command that is not empty, and every of at least 1s")
            }
            try health.finish()
        }
        return care == DeviceCare() ? nil : care
    }
}
