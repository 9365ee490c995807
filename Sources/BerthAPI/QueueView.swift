public import BerthModel

/// A queue with its limits and what stands in it.
public struct QueueView: Codable, Sendable, Hashable {
    public var name: String
    public var tier: Int
    public var isDefault: Bool
    public var preemptible: Bool
    @Nullable public var nodes: String?
    @Nullable public var maximumRunning: Int?
    @Nullable public var maximumRunningPerUser: Int?
    @Nullable public var maximumRunningPerProject: Int?
    /// Its jobs are not preempted before they have run so long; 0 where nothing protects them.
    public var minimumRunTime: Double
    @Nullable public var maximumTime: Double?
    @Nullable public var defaultTime: Double?
    /// Tasks.
    public var running: Int
    public var waiting: Int

    public init(_ queue: Queue, isDefault: Bool, running: Int, waiting: Int) {
        name = queue.name
        tier = queue.tier
        self.isDefault = isDefault
        preemptible = queue.isPreemptible
        nodes = queue.nodes?.text
        maximumRunning = queue.maximumRunning
        maximumRunningPerUser = queue.maximumRunningPerUser
        maximumRunningPerProject = queue.maximumRunningPerProject
        minimumRunTime = queue.minimumRunTime.inSeconds
        maximumTime = queue.maximumTime?.inSeconds
        defaultTime = queue.defaultTime?.inSeconds
        self.running = running
        self.waiting = waiting
    }
}

/// Why a job does not run (any further).
public struct WhyView: Codable, Sendable, Hashable {
    public var job: String
    public var state: JobState
    public var waitingTasks: Int
    public var reasons: [Reason]
    /// Of a job that runs or ran: why it was started where it was.
    @Nullable public var decision: Decision?
    @Nullable public var node: String?
    /// The attempt whose resources it takes over; null where it was given what was free.
    @Nullable public var predecessor: String?
    /// Of a job that waits: when it is expected to start; null where it does not within 30 days, or not by itself.
    @Nullable public var predictedStart: String?
    /// The same if nobody else came: what the starts of `alternatives` compare with.
    @Nullable public var undisturbedStart: String?
    /// The job whose end lets it start.
    @Nullable public var behind: String?
    /// By percent: "50", "80", "95".
    public var bands: [String: BandView] = [:]
    /// How many earlier predictions the bands were corrected by.
    @Nullable public var bandOutcomes: Int?
    /// Whether the forecast had to end before its 30 days, because it would have been too much work.
    public var forecastIsCut = false
    /// Earlier starts that one change of the job's own request would bring if it were submitted anew; the earliest first.
    public var alternatives: [AlternativeView] = []
    /// What its place in line comes from, and how many jobs stand before it.
    @Nullable public var priority: JobPriority?
    @Nullable public var jobsAhead: Int?

    /// One thing that binds.
    public struct Reason: Codable, Sendable, Hashable {
        /// held, begin, dependency, backoff, arrayLimit, queueLimit, userLimit, projectLimit, quota, lent, gang, noNodes,
        /// behind, resources
        public var kind: String
        public var text: String
        @Nullable public var remedy: String?
        /// Of `resources`: what is short on each node.
        public var nodes: [NodeReason]

        public init(kind: String, text: String, remedy: String? = nil, nodes: [NodeReason] = []) {
            self.kind = kind
            self.text = text
            self.remedy = remedy
            self.nodes = nodes
        }
    }

    public struct NodeReason: Codable, Sendable, Hashable {
        public var node: String
        public var short: [String]

        public init(node: String, short: [String]) {
            self.node = node
            self.short = short
        }
    }

    public init(
        job: String, state: JobState, waitingTasks: Int, reasons: [Reason], decision: Decision? = nil,
        node: String? = nil, predecessor: String? = nil
    ) {
        self.job = job
        self.state = state
        self.waitingTasks = waitingTasks
        self.reasons = reasons
        self.decision = decision
        self.node = node
        self.predecessor = predecessor
    }
}

/// What `POST /api/v1/jobs` takes: descriptions in the form of a job file, all accepted or none.
public struct SubmitAnswer: Codable, Sendable, Hashable {
    public var jobs: [String]

    public init(jobs: [String]) { self.jobs = jobs }
}

/// What every refused request is answered with.
public struct Problem: Codable, Sendable, Hashable, Error {
    /// invalid, notFound, refused, unavailable, unauthorized
    public var kind: String
    public var problem: String

    public init(kind: String, problem: String) {
        self.kind = kind
        self.problem = problem
    }
}

public struct DrainRequest: Codable, Sendable, Hashable {
    public var reason: String
    /// Whether running attempts are stopped (and run again elsewhere) instead of waited for.
    public var stop: Bool

    public init(reason: String, stop: Bool = false) {
        self.reason = reason
        self.stop = stop
    }
}

public struct SQLRequest: Codable, Sendable, Hashable {
    public var statement: String
    @Nullable public var limit: Int?

    public init(statement: String, limit: Int? = nil) {
        self.statement = statement
        self.limit = limit
    }
}

/// What this program calls itself.
public let berthVersion = "0.1.0"

/// An event of a job as the journal has it.
public struct EventView: Codable, Sendable, Hashable {
    public var sequence: UInt64
    public var time: String
    public var kind: String
    /// JSON.
    public var body: String

    public init(sequence: UInt64, time: String, kind: String, body: String) {
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.body = body
    }
}
