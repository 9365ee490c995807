/// What a keeper has to say of its attempt: the file `record` in its directory, always whole.
public struct KeeperRecord: Equatable, Sendable {
    public var attempt: String
    public var fence: UInt64
    public var phase: Phase
    public var keeper: ProcessMark
    /// nil where no process came to be.
    public var job: ProcessMark?
    public var bootID: String
    /// Wall clock, microseconds since 1970.
    public var startMicroseconds: Int64
    /// Of the job's own process just before its program began, as the kernel told it.
    public var boundCPUs: [Int]
    public var boundNUMANodes: [Int]
    /// nil for the kernel's default.
    public var boundMemoryPolicy: LaunchOrder.MemoryPolicy?
    /// Whether the kernel granted the PUs, the NUMA nodes and the memory policy that the order names. If not, the node is
    /// not what its agent takes it for, and the notes say what differs.
    public var isBindingExact = true
    /// What could not be applied, a sentence each, and at the end whatever else a person should know.
    public var notes: [String]
    /// Why the warm slot of the order did not start the job, so that it started cold; nil where it did.
    public var slotProblem: String?
    /// Of a launch that failed; nil where that is not known.
    public var launchFault: LaunchFault?
    /// Whether the keeper waits for another attempt now that this one is over.
    public var isFree = false

    /// A process that cannot be mistaken for a later one of the same number on the same boot.
    public struct ProcessMark: Equatable, Sendable {
        public var id: Int32
        public var startTicks: UInt64

        public init(id: Int32, startTicks: UInt64) {
            self.id = id
            self.startTicks = startTicks
        }
    }

    /// Whose fault it is that no process came to be, as far as it can be told on one node.
    public enum LaunchFault: String, Sendable { case job, node }

    public enum Phase: Equatable, Sendable {
        case running
        case ended(Ended)
        /// The sentence says why no process came to be.
        case launchFailed(String, atMicroseconds: Int64)
    }

    public struct Ended: Equatable, Sendable {
        public enum Cause: String, Sendable {
            case exit, signal, timeLimit
            /// The kernel killed a process of the attempt for want of memory, and its own process did not end well.
            case outOfMemory
            /// After the agent asked for it.
            case stopped
        }

        public var cause: Cause
        public var exitCode: Int?
        public var signal: Int?
        /// What the agent gave as its reason.
        public var stopReason: String?
        public var endMicroseconds: Int64
        public var userCPUMicroseconds: Int64
        public var systemCPUMicroseconds: Int64
        /// Of its control group, page cache included; where there is none, the largest resident size of one process.
        public var peakMemoryBytes: Int64
        public var readBytes: Int64
        public var writtenBytes: Int64
        /// How long the machine was suspended meanwhile.
        public var suspendedMilliseconds: Int64

        public init(
            cause: Cause, exitCode: Int? = nil, signal: Int? = nil, stopReason: String? = nil, endMicroseconds: Int64,
            userCPUMicroseconds: Int64 = 0, systemCPUMicroseconds: Int64 = 0, peakMemoryBytes: Int64 = 0,
            readBytes: Int64 = 0, writtenBytes: Int64 = 0, suspendedMilliseconds: Int64 = 0
        ) {
            self.cause = cause
            self.exitCode = exitCode
            self.signal = signal
            self.stopReason = stopReason
            self.endMicroseconds = endMicroseconds
            self.userCPUMicroseconds = userCPUMicroseconds
            self.systemCPUMicroseconds = systemCPUMicroseconds
            self.peakMemoryBytes = peakMemoryBytes
            self.readBytes = readBytes
            self.writtenBytes = writtenBytes
            self.suspendedMilliseconds = suspendedMilliseconds
        }
    }

    public init(
        attempt: String, fence: UInt64, phase: Phase, keeper: ProcessMark, job: ProcessMark? = nil, bootID: String,
        startMicroseconds: Int64, boundCPUs: [Int] = [], boundNUMANodes: [Int] = [], notes: [String] = []
    ) {
        self.attempt = attempt
        self.fence = fence
        self.phase = phase
        self.keeper = keeper
        self.job = job
        self.bootID = bootID
        self.startMicroseconds = startMicroseconds
        self.boundCPUs = boundCPUs
        self.boundNUMANodes = boundNUMANodes
        self.notes = notes
    }

    /// - Throws: what is no record, or one of a later format than this version's.
    public init(bytes: [UInt8]) throws(KeepingError) {
        let fields = try Fields(bytes)
        try fields.checkFormat()
        attempt = try fields.required("attempt")
        fence = try fields.number("fence") ?? 0
        bootID = try fields.required("boot")
        startMicroseconds = try fields.number("start") ?? 0
        keeper = ProcessMark(
            id: try fields.number("keeper") ?? 0, startTicks: try fields.number("keeperTicks") ?? 0)
        if let id: Int32 = try fields.number("job") {
            job = ProcessMark(id: id, startTicks: try fields.number("jobTicks") ?? 0)
        }
        boundCPUs = try LaunchOrder.numbers(fields.first("cpus") ?? "")
        boundNUMANodes = try LaunchOrder.numbers(fields.first("numa") ?? "")
        boundMemoryPolicy = fields.first("policy").flatMap(LaunchOrder.MemoryPolicy.init)
        isBindingExact = fields.first("bindingDiffers") != "true"
        notes = fields.all("note")
        slotProblem = fields.first("slotProblem")
        isFree = fields.first("keeperIsFree") == "true"
        switch try fields.required("phase") {
        case "running": phase = .running
        case "launchFailed":
            launchFault = fields.first("fault").flatMap(LaunchFault.init)
            phase = .launchFailed(try fields.required("problem"), atMicroseconds: try fields.number("end") ?? 0)
        case "ended":
            guard let cause = Ended.Cause(rawValue: try fields.required("cause")) else {
                throw .malformed("its cause is unknown")
            }
            phase = .ended(
                Ended(
                    cause: cause, exitCode: try fields.number("code"), signal: try fields.number("signal"),
                    stopReason: fields.first("reason"), endMicroseconds: try fields.number("end") ?? 0,
                    userCPUMicroseconds: try fields.number("user") ?? 0,
                    systemCPUMicroseconds: try fields.number("system") ?? 0,
                    peakMemoryBytes: try fields.number("peak") ?? 0, readBytes: try fields.number("read") ?? 0,
                    writtenBytes: try fields.number("written") ?? 0,
                    suspendedMilliseconds: try fields.number("suspended") ?? 0))
        default: throw .malformed("its phase is unknown")
        }
    }

    public var bytes: [UInt8] {
        var fields = Fields()
        fields.add("format", Fields.format)
        fields.add("attempt", attempt)
        fields.add("fence", fence)
        fields.add("boot", bootID)
        fields.add("start", startMicroseconds)
        fields.add("keeper", keeper.id)
        fields.add("keeperTicks", keeper.startTicks)
        fields.add("job", job?.id)
        fields.add("jobTicks", job?.startTicks)
        fields.add("cpus", LaunchOrder.text(boundCPUs))
        fields.add("numa", LaunchOrder.text(boundNUMANodes))
        fields.add("policy", boundMemoryPolicy?.rawValue)
        fields.add("bindingDiffers", isBindingExact ? nil : "true")
        for note in notes { fields.add("note", note) }
        fields.add("slotProblem", slotProblem)
        fields.add("keeperIsFree", isFree ? "true" : nil)
        switch phase {
        case .running: fields.add("phase", "running")
        case .launchFailed(let problem, let time):
            fields.add("phase", "launchFailed")
            fields.add("problem", problem)
            fields.add("fault", launchFault?.rawValue)
            fields.add("end", time)
        case .ended(let ended):
            fields.add("phase", "ended")
            fields.add("cause", ended.cause.rawValue)
            fields.add("code", ended.exitCode)
            fields.add("signal", ended.signal)
            fields.add("reason", ended.stopReason)
            fields.add("end", ended.endMicroseconds)
            fields.add("user", ended.userCPUMicroseconds)
            fields.add("system", ended.systemCPUMicroseconds)
            fields.add("peak", ended.peakMemoryBytes)
            fields.add("read", ended.readBytes)
            fields.add("written", ended.writtenBytes)
            fields.add("suspended", ended.suspendedMilliseconds)
        }
        return fields.bytes
    }
}
