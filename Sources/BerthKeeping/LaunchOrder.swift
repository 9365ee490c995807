/// What a keeper is to start, and how: the file `order` in its directory.
public struct LaunchOrder: Equatable, Sendable {
    /// `42.7@2`, for messages.
    public var attempt: String
    public var fence: UInt64
    /// The program and its arguments; a program without `/` is looked up in the environment's `PATH`.
    public var arguments: [String]
    /// `NAME=VALUE`, all of it: nothing is inherited.
    public var environment: [String]
    public var workingDirectory: String
    public var standardOutput: String
    public var standardError: String
    /// PUs to bind to; empty binds to none.
    public var cpus: [Int]
    /// NUMA nodes that memory comes from; empty leaves the kernel's default.
    public var numaNodes: [Int]
    public var memoryPolicy: MemoryPolicy
    /// The attempt is stopped after running so long.
    public var timeLimitMilliseconds: Int64?
    /// Between notice and kill.
    public var graceMilliseconds: Int64
    /// How much longer a job may ask for, in all.
    public var extensionMilliseconds: Int64
    /// The job's socket, at most 107 bytes; nil makes none.
    public var socketPath: String?
    /// Made by the keeper, and removed when all is over.
    public var group = ControlGroup()
    /// What the job may use at most, and gets with its group; nil bounds nothing.
    public var memoryLimitBytes: Int64?
    /// Processes and threads at one time; nil bounds nothing.
    public var processLimit: Int?
    /// The node's devices that were not given to it, as far as the node can close them.
    public var refusedDevices: [ControlGroup.DeviceNumber] = []
    /// Whose process the job is; nil is the keeper's own user.
    public var user: User?
    /// Which of the outputs lie in a folder of the agent's own that the user cannot enter: the keeper opens these with
    /// its own rights and gives them to the user. The others are opened with the user's rights.
    public var isOutputPrivate = false
    public var isErrorPrivate = false
    /// Where a warm slot listens that the job starts from; where that fails before the job began, it starts cold.
    public var warmSocket: String?

    /// The user that a job's process is, by numbers: who that is by name, the agent has found out.
    public struct User: Equatable, Sendable {
        public var id: UInt32
        public var group: UInt32
        /// All further groups.
        public var groups: [UInt32]

        public init(id: UInt32, group: UInt32, groups: [UInt32] = []) {
            self.id = id
            self.group = group
            self.groups = groups
        }
    }

    public enum MemoryPolicy: String, Sendable {
        /// Other nodes are used where these are full.
        case preferred
        /// Only these.
        case bind
    }

    /// What the control groups are made with. Memory is walled in only where it must come from these nodes alone.
    public var limits: ControlGroup.Limits {
        ControlGroup.Limits(
            memoryBytes: memoryLimitBytes, processes: processLimit, cpus: cpus,
            numaNodes: memoryPolicy == .bind ? numaNodes : [], refusedDevices: refusedDevices)
    }

    /// What each process may have of its own where no group limits them together; nil bounds nothing.
    public var dataLimitBytes: Int64? { group.place(of: .memory) == nil ? memoryLimitBytes : nil }

    public init(
        attempt: String, fence: UInt64, arguments: [String], environment: [String], workingDirectory: String,
        standardOutput: String, standardError: String, cpus: [Int] = [], numaNodes: [Int] = [],
        memoryPolicy: MemoryPolicy = .preferred, timeLimitMilliseconds: Int64? = nil, graceMilliseconds: Int64 = 10_000,
        extensionMilliseconds: Int64 = 0, socketPath: String? = nil
    ) {
        self.attempt = attempt
        self.fence = fence
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.cpus = cpus
        self.numaNodes = numaNodes
        self.memoryPolicy = memoryPolicy
        self.timeLimitMilliseconds = timeLimitMilliseconds
        self.graceMilliseconds = graceMilliseconds
        self.extensionMilliseconds = extensionMilliseconds
        self.socketPath = socketPath
    }

    /// - Throws: what is no order, or one of a later format than this version's.
    public init(bytes: [UInt8]) throws(KeepingError) {
        let fields = try Fields(bytes)
        try fields.checkFormat()
        attempt = try fields.required("attempt")
        fence = try fields.number("fence") ?? 0
        arguments = fields.all("argument")
        environment = fields.all("variable")
        workingDirectory = try fields.required("directory")
        standardOutput = try fields.required("output")
        standardError = try fields.required("error")
        cpus = try Self.numbers(fields.first("cpus") ?? "")
        numaNodes = try Self.numbers(fields.first("numa") ?? "")
        memoryPolicy = MemoryPolicy(rawValue: fields.first("policy") ?? "") ?? .preferred
        timeLimitMilliseconds = try fields.number("limit")
        graceMilliseconds = try fields.number("grace") ?? 0
        extensionMilliseconds = try fields.number("extension") ?? 0
        socketPath = fields.first("socket")
        for text in fields.all("group") { group.places.append(try ControlGroup.Place(text: text)) }
        memoryLimitBytes = try fields.number("memory")
        processLimit = try fields.number("processes")
        refusedDevices = try fields.all("refusedDevice").map { text throws(KeepingError) in
            try ControlGroup.DeviceNumber(text: text)
        }
        if let id: UInt32 = try fields.number("user") {
            guard let group: UInt32 = try fields.number("userGroup") else { throw .malformed("userGroup is missing") }
            user = User(id: id, group: group)
            for text in fields.all("userFurtherGroup") {
                guard let number = UInt32(text) else { throw .malformed("\"\(text)\" is no number of a group") }
                user?.groups.append(number)
            }
        }
        isOutputPrivate = fields.first("outputIsPrivate") == "true"
        isErrorPrivate = fields.first("errorIsPrivate") == "true"
        warmSocket = fields.first("warmSocket")
        guard !arguments.isEmpty else { throw .malformed("it names no program") }
    }

    public var bytes: [UInt8] {
        var fields = Fields()
        fields.add("format", Fields.format)
        fields.add("attempt", attempt)
        fields.add("fence", fence)
        for argument in arguments { fields.add("argument", argument) }
        for variable in environment { fields.add("variable", variable) }
        fields.add("directory", workingDirectory)
        fields.add("output", standardOutput)
        fields.add("error", standardError)
        fields.add("cpus", Self.text(cpus))
        fields.add("numa", Self.text(numaNodes))
        fields.add("policy", memoryPolicy.rawValue)
        fields.add("limit", timeLimitMilliseconds)
        fields.add("grace", graceMilliseconds)
        fields.add("extension", extensionMilliseconds)
        fields.add("socket", socketPath)
        for place in group.places { fields.add("group", place.text) }
        fields.add("memory", memoryLimitBytes)
        fields.add("processes", processLimit)
        for device in refusedDevices { fields.add("refusedDevice", device.text) }
        fields.add("user", user?.id)
        fields.add("userGroup", user?.group)
        for group in user?.groups ?? [] { fields.add("userFurtherGroup", group) }
        fields.add("outputIsPrivate", isOutputPrivate ? "true" : nil)
        fields.add("errorIsPrivate", isErrorPrivate ? "true" : nil)
        fields.add("warmSocket", warmSocket)
        return fields.bytes
    }

    static func text(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: ",") }

    /// Reads numbers of PUs or NUMA nodes, separated by commas.
    ///
    /// - Throws: what is no number from 0 to 8191.
    public static func numbers(_ text: String) throws(KeepingError) -> [Int] {
        var numbers: [Int] = []
        for part in text.split(separator: ",") {
            guard let number = Int(part), (0..<8192).contains(number) else {
                throw .malformed("\"\(part)\" is no number of a PU or NUMA node")
            }
            numbers.append(number)
        }
        return numbers
    }
}
