/// What the history knows of a job, or of one task of an array.
public struct JobRecord: Hashable, Sendable {
    /// `42` for a whole job, `42.7` for one task of an array.
    public var id: TaskID
    public var submission: Submission
    public var state: JobState
    /// How it ended, if it has; of an array, how its worst task did.
    public var outcome: Outcome?
    /// Why Berth holds it by itself, a sentence; nil where it does not.
    public var hold: String?
    /// The first start and the last end of its attempts.
    public var startTime: Timestamp?
    public var endTime: Timestamp?
    /// Where its attempts ran, each node once, by name.
    public var nodes: [NodeName]
    /// Of an array: how many tasks are in which state.
    public var tasks: [JobState: Int]
    /// By task and number; empty where not asked for.
    public var attempts: [AttemptRecord]

    public init(
        id: TaskID, submission: Submission, state: JobState, outcome: Outcome? = nil, startTime: Timestamp? = nil,
        endTime: Timestamp? = nil, nodes: [NodeName] = [], tasks: [JobState: Int] = [:], attempts: [AttemptRecord] = []
    ) {
        self.id = id
        self.submission = submission
        self.state = state
        self.outcome = outcome
        self.startTime = startTime
        self.endTime = endTime
        self.nodes = nodes
        self.tasks = tasks
        self.attempts = attempts
    }
}

/// What the history knows of an attempt.
public struct AttemptRecord: Hashable, Sendable {
    /// What the attempt does, or how it ended.
    public enum State: String, Hashable, Sendable, Codable {
        case starting, running, stopping
        /// Its process ended with exit code 0.
        case succeeded
        case failed, cancelled, timedOut
        /// It was stopped and its task waits again: preempted, drained, requeued.
        case preempted
        /// It was given up with its node.
        case lost
    }

    public var attempt: Attempt
    public var state: State
    /// Of a gang, its members by rank; empty for all others.
    public var members: [Member]
    /// Of a gang, what rank 0 found, at the time when the last member started.
    public var launch: Launch?
    public var end: AttemptEnd?
    public var decision: Decision?
    public var stopReason: StopReason?
    /// The last of each kind that the job said: progress, note, checkpoint, metrics.
    public var latestReport: Report?

    public init(
        attempt: Attempt, state: State, members: [Member] = [], launch: Launch? = nil, end: AttemptEnd? = nil,
        decision: Decision? = nil,
        stopReason: StopReason? = nil, latestReport: Report? = nil
    ) {
        self.attempt = attempt
        self.state = state
        self.members = members
        self.launch = launch
        self.end = end
        self.decision = decision
        self.stopReason = stopReason
        self.latestReport = latestReport
    }
}

extension AttemptRecord {
    /// What the history knows of one member of a gang.
    public struct Member: Hashable, Sendable {
        public var node: NodeName
        public var launch: Launch?
        public var end: AttemptEnd?

        public init(node: NodeName, launch: Launch? = nil, end: AttemptEnd? = nil) {
            self.node = node
            self.launch = launch
            self.end = end
        }
    }
}

/// Which jobs of the history are meant; a field that is not set lets all pass.
public struct JobFilter: Hashable, Sendable {
    public var states: Set<JobState> = []
    public var user: String?
    public var project: String?
    public var queue: String?
    public var name: String?
    public var labels: [String: String] = [:]
    /// Submitted at this time or later.
    public var since: Timestamp?
    /// At most so many, the newest ones.
    public var limit: Int?

    public init() {}
}
