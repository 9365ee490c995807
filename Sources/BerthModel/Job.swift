/// A job that has not ended, as the cluster holds it. Its tasks that were never started cost one range; those that
/// have ended are only counted.
public struct Job: Hashable, Sendable, Codable {
    public typealias ID = Identifier<Job>

    public let submission: Submission
    /// Whether somebody holds it back.
    public internal(set) var isHeld: Bool
    /// Why Berth does so by itself; nil where a person does, or nobody.
    public internal(set) var hold: JobHold?
    /// Whether only one of its tasks may hold resources at a time: its family has failed, and this is to show whether it
    /// still does.
    public internal(set) var isOnProbation = false
    /// Nodes that failed to start an attempt of it, the latest last, and until when it leaves them out.
    public internal(set) var avoided: [AvoidedNode] = []
    /// Tasks that were never started.
    public internal(set) var untouched: IndexRanges
    /// Tasks that were started and have not ended, by index.
    public internal(set) var tasks: [Int: Task]
    public internal(set) var ended: Tally
    /// Dependencies that are not met yet.
    public internal(set) var waitsFor: [Dependency]
    /// A dependency that can no longer be met.
    public internal(set) var failedDependency: Dependency?
    public internal(set) var hasStarted: Bool
    /// How much memory its next attempts ask for at least, since one of its tasks ran out; nil for what it asked for.
    public internal(set) var raisedMemoryBytes: Int64?
    /// Waiting tasks among `tasks`, and those with a live attempt.
    public internal(set) var waitingAgain: Int
    public internal(set) var active: Int
    /// Those of `active` that wait behind others for what these hold.
    public internal(set) var successors = 0
    /// How long its attempts that came to their own end ran, recent ones counting most; nil before the first one has.
    public internal(set) var meanRunSeconds: Double?

    public var id: ID { submission.id }
    public var specification: JobSpecification { submission.specification }
    public var isArray: Bool { specification.array != nil }
    public var hasWaitingTasks: Bool { !untouched.isEmpty || waitingAgain > 0 }
    public var waitingCount: Int { untouched.count + waitingAgain }
    public var family: JobFamily { JobFamily(submission) }
    /// How many of its tasks may hold resources at a time.
    public var parallelLimit: Int { isOnProbation ? 1 : specification.array?.parallel ?? .max }

    public init(_ submission: Submission) {
        self.submission = submission
        isHeld = submission.specification.isHeld && submission.reopened == nil
        untouched = submission.reopened?.tasks ?? submission.specification.taskIndices
        tasks = [:]
        ended = submission.reopened?.ended ?? Tally()
        waitsFor = submission.unmetDependencies
        failedDependency = nil
        hasStarted = false
        waitingAgain = 0
        active = 0
        for (index, attempts) in submission.reopened?.attempts ?? [:] where untouched.contains(index) {
            untouched.remove(index)
            tasks[index] = Task(state: .waiting(notBefore: nil), attempts: attempts, retries: 0)
            waitingAgain += 1
        }
    }

    /// The shapes that its next attempts ask for.
    public var shapes: [ResourceRequest] { shapes(withMemory: raisedMemoryBytes) }

    /// The shapes with so much memory at least, where they ask for any.
    public func shapes(withMemory bytes: Int64?) -> [ResourceRequest] {
        guard let bytes else { return specification.shapes }
        return specification.shapes.map { shape in
            var shape = shape
            if let memory = shape.memoryBytes { shape.memoryBytes = max(memory, bytes) }
            return shape
        }
    }

    /// The name of the task with `index`.
    public func taskID(_ index: Int) -> TaskID { TaskID(job: id, index: isArray ? index : nil) }

    /// The state of the whole job: what its most advanced task does.
    public var state: JobState {
        if active > 0 {
            let states = tasks.values.map(\.state)
            if states.contains(where: { if case .running = $0 { true } else { false } }) { return .running }
            return states.contains { if case .starting = $0 { true } else { false } } ? .starting : .stopping
        }
        return isHeld ? .held : .pending
    }

    /// How much memory to ask for after an attempt that ran out of it; nil where as much as before. All tasks that still
    /// wait ask for it, since they are likely to need it too.
    public func memory(after end: AttemptEnd, of attempt: Attempt) -> Int64? {
        specification.retry?.memory(after: end, given: attempt.allocation.memoryBytes).map {
            max($0, raisedMemoryBytes ?? 0)
        }
    }

    /// Its tasks that hold resources.
    public var holding: Int { active - successors }

    mutating func observe(ranSeconds seconds: Double) {
        meanRunSeconds = meanRunSeconds.map { $0 + (seconds - $0) / 8 } ?? seconds
    }

    /// A node that the job leaves out for a time.
    public struct AvoidedNode: Hashable, Sendable, Codable {
        public var node: NodeName
        public var until: Timestamp
    }

    /// So many are remembered.
    private static let avoidedLimit = 8

    mutating func avoid(_ node: NodeName, until time: Timestamp) {
        avoided = (avoided.filter { $0.node != node } + [AvoidedNode(node: node, until: time)])
            .suffix(Self.avoidedLimit)
    }

    /// A task that has been started at least once.
    public struct Task: Hashable, Sendable, Codable {
        public var state: TaskState
        /// Attempts so far.
        public var attempts: Int
        /// Attempts that counted against the job's retries.
        public var retries: Int
        /// Its last attempts that came to nothing by their nodes' faults, counted since one ran for a while.
        public internal(set) var losses = 0
        /// The last complete checkpoint that an attempt of the task told of.
        public var checkpointTime: Timestamp?
        /// Where its last attempt ran, and so where the checkpoint directory is that Berth keeps for it; nil where none
        /// has, and for gangs.
        public internal(set) var checkpointNode: NodeName?
        /// Whether it waits because it was stopped for others, drained or lost, and not for a failure of its own.
        public var isReturning: Bool
        /// What is known of the members of its present attempt, by rank; nil for all but gangs.
        public internal(set) var gang: Gang?

        public init(
            state: TaskState, attempts: Int, retries: Int, checkpointTime: Timestamp? = nil, isReturning: Bool = false
        ) {
            self.state = state
            self.attempts = attempts
            self.retries = retries
            self.checkpointTime = checkpointTime
            self.isReturning = isReturning
        }

        /// Whether a member of its gang has ended on a node, while others live.
        public func hasEnded(_ attempt: Attempt, on node: NodeName) -> Bool {
            guard let gang, let rank = attempt.rank(on: node) else { return false }
            return gang.members[rank].end != nil
        }
    }

    /// The members of a gang's attempt, by rank.
    public struct Gang: Hashable, Sendable, Codable {
        public internal(set) var members: [Member]
        /// The member that failed first.
        public internal(set) var failedRank: Int?

        public struct Member: Hashable, Sendable, Codable {
            /// When its process started; nil where none is known of.
            public internal(set) var startTime: Timestamp?
            public internal(set) var end: AttemptEnd?
        }

        init(size: Int) { members = Array(repeating: Member(), count: size) }

        /// When the last of its processes started; nil while one has not.
        public var startTime: Timestamp? {
            let times = members.compactMap(\.startTime)
            return times.count == members.count ? times.max() : nil
        }
        public var firstLivingRank: Int? { members.firstIndex { $0.end == nil } }
        public var hasEnded: Bool { members.allSatisfy { $0.end != nil } }
    }

    /// How many tasks have ended, and how.
    public struct Tally: Hashable, Sendable, Codable {
        public var succeeded: Int
        public var failed: Int
        public var cancelled: Int
        public var timedOut: Int

        public init(succeeded: Int = 0, failed: Int = 0, cancelled: Int = 0, timedOut: Int = 0) {
            self.succeeded = succeeded
            self.failed = failed
            self.cancelled = cancelled
            self.timedOut = timedOut
        }

        public var count: Int { succeeded + failed + cancelled + timedOut }

        /// Counts `tasks` more that have ended so.
        public mutating func count(_ state: EndState, _ tasks: Int) {
            switch state {
            case .succeeded: succeeded += tasks
            case .failed: failed += tasks
            case .cancelled: cancelled += tasks
            case .timedOut: timedOut += tasks
            }
        }

        /// How a job has ended whose tasks ended so: the worst of them decides.
        public var state: EndState {
            if failed > 0 { return .failed }
            if timedOut > 0 { return .timedOut }
            return cancelled > 0 ? .cancelled : .succeeded
        }
    }
}

/// Where a started task stands. A state's data sits in its case.
public enum TaskState: Hashable, Sendable, Codable {
    /// Between attempts; not started again before the time given.
    case waiting(notBefore: Timestamp?)
    /// Resources are given; no process is known of yet.
    case starting(Attempt)
    case running(Attempt, since: Timestamp)
    /// `since` is when its process started; nil where none is known of.
    case stopping(Attempt, StopReason, since: Timestamp?)

    public var attempt: Attempt? {
        switch self {
        case .waiting: nil
        case .starting(let attempt), .running(let attempt, _), .stopping(let attempt, _, _): attempt
        }
    }
}

/// The states that people and programs see.
public enum JobState: String, Hashable, Sendable, Codable, CaseIterable {
    case held, pending, starting, running, stopping, succeeded, failed, cancelled, timedOut

    public var hasEnded: Bool { EndState(rawValue: rawValue) != nil }
}

public enum EndState: String, Hashable, Sendable, Codable {
    case succeeded, failed, cancelled, timedOut

    public var jobState: JobState {
        switch self {
        case .succeeded: .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        case .timedOut: .timedOut
        }
    }
}

/// How a task ended for good.
public struct Outcome: Hashable, Sendable, Codable {
    public enum Reason: String, Hashable, Sendable, Codable {
        case exit, signal, outOfMemory, timeLimit, nodeLost, launchFailed, dependencyFailed, cancelled, policy
    }

    public var state: EndState
    public var reason: Reason
    public var exitCode: Int?
    public var signal: Int?
    public var message: String?

    public init(state: EndState, reason: Reason, exitCode: Int? = nil, signal: Int? = nil, message: String? = nil) {
        self.state = state
        self.reason = reason
        self.exitCode = exitCode
        self.signal = signal
        self.message = message
    }
}

/// A job as it was accepted.
public struct Submission: Hashable, Sendable, Codable {
    public var id: Job.ID
    public var specification: JobSpecification
    public var user: String
    public var submitTime: Timestamp
    /// The submitter's idempotency key and the digest of what was submitted under it; several jobs of one submission
    /// share them.
    public var key: String
    public var contentDigest: String
    /// Those of the specification's dependencies that were not met when it was accepted.
    public var unmetDependencies: [Dependency]
    /// Set where an ended job is run again.
    public var reopened: Reopening?

    public init(
        id: Job.ID, specification: JobSpecification, user: String, submitTime: Timestamp, key: String,
        contentDigest: String, unmetDependencies: [Dependency] = [], reopened: Reopening? = nil
    ) {
        self.id = id
        self.specification = specification
        self.user = user
        self.submitTime = submitTime
        self.key = key
        self.contentDigest = contentDigest
        self.unmetDependencies = unmetDependencies
        self.reopened = reopened
    }

    /// What an ended job brings along when it is run again.
    public struct Reopening: Hashable, Sendable, Codable {
        /// The tasks to run again.
        public var tasks: IndexRanges
        /// Attempts so far of those tasks, so that numbers go on.
        public var attempts: [Int: Int]
        /// How the other tasks ended.
        public var ended: Job.Tally

        public init(tasks: IndexRanges, attempts: [Int: Int], ended: Job.Tally) {
            self.tasks = tasks
            self.attempts = attempts
            self.ended = ended
        }
    }
}
