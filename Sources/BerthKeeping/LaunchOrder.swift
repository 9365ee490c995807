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

    public enum MemoryPolicy: String, Sendable {
        /// Other nodes are used where these are full.
        case preferred
        /// Only these.
        case bind
    }

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

    public init(bytes: [UInt8]) throws(KeepingError) {
        let fields = try Fields(bytes)
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
        guard !arguments.isEmpty else { throw .malformed("it names no program") }
    }

    public var bytes: [UInt8] {
        var fields = Fields()
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
        return fields.bytes
    }

    static func text(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: ",") }

    static func numbers(_ text: String) throws(KeepingError) -> [Int] {
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
