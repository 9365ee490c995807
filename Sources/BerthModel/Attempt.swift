/// One start of a task: on a node, or on several at once where the task is a gang.
public struct Attempt: Hashable, Sendable, Codable {
    public let id: AttemptID
    /// Grows with every attempt in the cluster. An agent obeys and is believed only with the fence that is current.
    public let fence: UInt64
    /// What it is given on its node; of a gang, what the member of rank 0 is given.
    public let allocation: Allocation
    /// What the members of the ranks from 1 on are given, each on a node of its own; empty for all but gangs.
    public let furtherAllocations: [Allocation]
    /// The attempt of the same job whose resources it takes over on its node; nil where it was given what was free.
    public let predecessor: AttemptID?
    /// When the planner gave it its resources, or its place behind its predecessor.
    public let plannedTime: Timestamp
    /// Whether its project held more than its quota with it; fixed for the attempt's life.
    public let isBorrowing: Bool
    /// How long the planner expected it to run when it started it; nil where nothing was known.
    @OptionalMicroseconds public private(set) var expectedTime: Duration?

    public init(
        id: AttemptID, fence: UInt64, allocation: Allocation, furtherAllocations: [Allocation] = [],
        plannedTime: Timestamp, isBorrowing: Bool = false, expectedTime: Duration? = nil,
        predecessor: AttemptID? = nil
    ) {
        self.id = id
        self.fence = fence
        self.allocation = allocation
        self.furtherAllocations = furtherAllocations
        self.plannedTime = plannedTime
        self.isBorrowing = isBorrowing
        self.expectedTime = expectedTime
        self.predecessor = predecessor
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(AttemptID.self, forKey: .id)
        fence = try container.decode(UInt64.self, forKey: .fence)
        allocation = try container.decode(Allocation.self, forKey: .allocation)
        plannedTime = try container.decode(Timestamp.self, forKey: .plannedTime)
        // Journals of the first version have none of these.
        furtherAllocations = try container.decodeIfPresent([Allocation].self, forKey: .furtherAllocations) ?? []
        isBorrowing = try container.decodeIfPresent(Bool.self, forKey: .isBorrowing) ?? false
        predecessor = try container.decodeIfPresent(AttemptID.self, forKey: .predecessor)
        _expectedTime =
            try container.decodeIfPresent(OptionalMicroseconds.self, forKey: .expectedTime)
            ?? OptionalMicroseconds(wrappedValue: nil)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(fence, forKey: .fence)
        try container.encode(allocation, forKey: .allocation)
        if isGang { try container.encode(furtherAllocations, forKey: .furtherAllocations) }
        try container.encode(plannedTime, forKey: .plannedTime)
        try container.encode(isBorrowing, forKey: .isBorrowing)
        try container.encode(_expectedTime, forKey: .expectedTime)
        try container.encodeIfPresent(predecessor, forKey: .predecessor)
    }

    enum CodingKeys: CodingKey {
        case id, fence, allocation, furtherAllocations, plannedTime, isBorrowing, expectedTime, predecessor
    }

    /// By rank.
    public var allocations: [Allocation] { [allocation] + furtherAllocations }
    public var isGang: Bool { !furtherAllocations.isEmpty }
    /// Members, one for all but gangs.
    public var worldSize: Int { 1 + furtherAllocations.count }
    /// The rank of the member on a node; nil where it has none there.
    public func rank(on node: NodeName) -> Int? { allocations.firstIndex { $0.node == node } }
    public func allocation(on node: NodeName) -> Allocation? { allocations.first { $0.node == node } }
}

/// Why Berth stops an attempt.
public enum StopReason: String, Hashable, Sendable, Codable {
    case cancelled
    /// Somebody asked for the job to be run again.
    case requeued
    /// Its node is to be empty.
    case drained
    /// Its resources go to another job.
    case preempted
    /// Another member of its gang has failed; how that one ended decides what becomes of the task.
    case memberFailed
    /// It was given up and must not go on.
    case stale
    /// It waited behind an attempt that holds their resources for longer than was thought. One that has begun meanwhile is
    /// not stopped.
    case recalled

    /// Whether the task waits for another attempt after this one.
    public var runsAgain: Bool {
        switch self {
        case .requeued, .drained, .preempted, .memberFailed, .stale, .recalled: true
        case .cancelled: false
        }
    }
}

/// What the agent found when the attempt's process had started.
public struct Launch: Hashable, Sendable, Codable {
    /// Which member of a gang it is, filled in by the controller; nil for all but gangs.
    public var rank: Int?
    public var startTime: Timestamp
    /// The job's process, in the agent's numbering; nil on an emulated node.
    public var processID: Int?
    /// Read back from the kernel after binding.
    public var bound: Binding
    /// The files named as inputs, as they were before the start.
    public var inputs: [FileRecord]
    /// Where the job names a pool: whether it started warm. nil for all others.
    public var pool: PoolUse?

    public init(startTime: Timestamp, processID: Int? = nil, bound: Binding, inputs: [FileRecord] = []) {
        self.startTime = startTime
        self.processID = processID
        self.bound = bound
        self.inputs = inputs
    }
}

/// What an attempt is bound to according to the kernel, beside what the plan granted.
public struct Binding: Hashable, Sendable, Codable {
    public var cpus: CPUSet
    public var numaNodes: [Int]
    public var devices: [String]
    /// Differences from the plan and limits that could not be applied, a sentence each.
    public var notes: [String]
    /// Whether the kernel granted other PUs or memory than the plan has: the node is then not what its record says. nil
    /// where it granted what it should.
    public var differs: Bool?

    public init(
        cpus: CPUSet, numaNodes: [Int] = [], devices: [String] = [], notes: [String] = [], differs: Bool? = nil
    ) {
        self.cpus = cpus
        self.numaNodes = numaNodes
        self.devices = devices
        self.notes = notes
        self.differs = differs
    }
}

/// A file that an attempt read or wrote, by its content.
public struct FileRecord: Hashable, Sendable, Codable {
    public var path: String
    /// SHA-256, hexadecimal; nil where the file could not be read. Of a directory, that of its manifest's text.
    public var sha256: String?
    public var bytes: Int64?
    /// Why there is no digest, or why it may not be the whole truth.
    public var problem: String?

    public init(path: String, sha256: String? = nil, bytes: Int64? = nil, problem: String? = nil) {
        self.path = path
        self.sha256 = sha256
        self.bytes = bytes
        self.problem = problem
    }
}

/// What a job says about itself on its socket.
public struct Report: Hashable, Sendable, Codable {
    public var time: Timestamp
    /// 0 to 1.
    public var progress: Double?
    public var note: String?
    /// A checkpoint that is complete, as the job names it.
    public var checkpoint: String?
    public var metrics: [String: Double]

    public init(
        time: Timestamp, progress: Double? = nil, note: String? = nil, checkpoint: String? = nil,
        metrics: [String: Double] = [:]
    ) {
        self.time = time
        self.progress = progress
        self.note = note
        self.checkpoint = checkpoint
        self.metrics = metrics
    }
}

/// How an attempt ended, as its node saw it.
public struct AttemptEnd: Hashable, Sendable, Codable {
    public enum Cause: String, Hashable, Sendable, Codable {
        /// The process ended by itself, with an exit code.
        case exit
        /// A signal that Berth did not send ended it.
        case signal
        case outOfMemory
        case timeLimit
        /// It ended after Berth had asked it to.
        case stopped
        /// No process came to be.
        case launchFailed
        /// The agent would not start it: its model of the node disagrees.
        case refused
        /// The node was not heard of, or lost what it knew of the attempt.
        case nodeLost
    }

    /// Whose fault it is.
    public enum Fault: String, Hashable, Sendable, Codable {
        case job, node
        /// What they need from elsewhere could not be had.
        case neither
    }

    public var cause: Cause
    public var exitCode: Int?
    public var signal: Int?
    /// What a person should know beside it.
    public var message: String?
    public var endTime: Timestamp
    /// Of a launch that failed, whether the job is wrong or the node cannot; nil where that is not known, which counts as
    /// the job's.
    public var fault: Fault?
    /// Of what was lost with its node, when that was last heard of: until then it ran, if it did.
    public var lastSeen: Timestamp?
    public var usage: Usage?
    /// The files named as outputs.
    public var outputs: [FileRecord]
    public var isSuccess: Bool { cause == .exit && exitCode == 0 }
    /// What the job said that was not told before; recorded before the end, and not with it.
    public var reports: [Report]
    /// The last of what it wrote, for when its node is gone; taken out before the end is recorded, and kept beside.
    public var outputTails: [OutputTail]?

    public init(
        cause: Cause, exitCode: Int? = nil, signal: Int? = nil, message: String? = nil, endTime: Timestamp,
        usage: Usage? = nil, outputs: [FileRecord] = [], reports: [Report] = [], fault: Fault? = nil
    ) {
        self.reports = reports
        self.fault = fault
        self.cause = cause
        self.exitCode = exitCode
        self.signal = signal
        self.message = message
        self.endTime = endTime
        self.usage = usage
        self.outputs = outputs
    }
}

extension AttemptEnd {
    /// Whether it came to nothing through no fault of the job's: its node was lost, could not start it or would not.
    public var isLoss: Bool {
        switch cause {
        case .nodeLost, .refused: true
        case .launchFailed: fault == .node || fault == .neither
        case .exit, .signal, .outOfMemory, .timeLimit, .stopped: false
        }
    }

    /// Whether the job's own fault ended it, as far as can be told.
    public var isOwnFailure: Bool {
        switch cause {
        case .exit: !isSuccess
        case .signal, .outOfMemory, .timeLimit: true
        case .launchFailed: !isLoss
        case .stopped, .refused, .nodeLost: false
        }
    }
}

/// The last of what an attempt wrote to one of its streams.
public struct OutputTail: Hashable, Sendable, Codable {
    public var isStandardError: Bool
    /// Bytes that came before it.
    public var offset: Int64
    /// What is no UTF-8 stands as U+FFFD.
    public var text: String

    public init(isStandardError: Bool, offset: Int64, text: String) {
        self.isStandardError = isStandardError
        self.offset = offset
        self.text = text
    }
}

/// What an attempt used, all its processes together.
public struct Usage: Hashable, Sendable, Codable {
    @Microseconds public var userCPUTime: Duration
    @Microseconds public var systemCPUTime: Duration
    /// Of all its processes together, the file cache included, where the node has control groups; else the largest
    /// resident size of one of them.
    public var peakMemoryBytes: Int64
    public var readBytes: Int64
    public var writtenBytes: Int64
    /// The most that it held of its GPUs' memory at a time, all of them together; nil where no driver told.
    public var gpuMemoryPeakBytes: Int64?
    /// What its whole GPUs took, from the first to the last look at their counters; nil where no driver told.
    public var gpuEnergyJoules: Double?

    public init(
        userCPUTime: Duration = .zero, systemCPUTime: Duration = .zero, peakMemoryBytes: Int64 = 0,
        readBytes: Int64 = 0,
        writtenBytes: Int64 = 0
    ) {
        self.userCPUTime = userCPUTime
        self.systemCPUTime = systemCPUTime
        self.peakMemoryBytes = peakMemoryBytes
        self.readBytes = readBytes
        self.writtenBytes = writtenBytes
    }
}
