/// Everything that can happen to a cluster. The journal is a list of these, and the cluster is what they add up to.
public enum ClusterEvent: Hashable, Sendable, Codable {
    /// The queues were set.
    case configured(ClusterConfiguration)
    case submitted(Submission)
    /// It was foreseen how long a job that waits will wait yet.
    case foreseen(job: Job.ID, WaitForecast)
    /// An ended job is run again.
    case reopened(Submission, by: String)
    case held(job: Job.ID, by: String)
    case released(job: Job.ID, by: String)
    /// Berth holds jobs by itself. Where their family fails, those of it that come later are held as well, whether or not
    /// any is now.
    case jobsHeld(jobs: [Job.ID], JobHold)
    /// A held family has succeeded: these of its jobs go on.
    case familyReleased(JobFamily, jobs: [Job.ID])
    /// The planner gave a task its resources.
    case started(Attempt, Decision)
    case launched(attempt: AttemptID, Launch)
    case reported(attempt: AttemptID, Report)
    /// Berth wants the attempt to end.
    case stopping(attempt: AttemptID, StopReason, by: String)
    /// A member of a gang is gone from its node. When it was the last, `attemptEnded` follows.
    case memberEnded(attempt: AttemptID, rank: Int, AttemptEnd)
    case attemptEnded(attempt: AttemptID, AttemptEnd, then: Disposition)
    /// Waiting tasks ended without another attempt.
    case tasksEnded(job: Job.ID, tasks: IndexRanges, Outcome, by: String)
    /// An agent joined, or joined again with other hardware or labels.
    case nodeJoined(NodeRegistration)
    /// A lost node's agent is back with what it had.
    case nodeReturned(NodeName)
    case nodeLost(NodeName)
    case nodeFaulted(NodeName, Node.Fault)
    case nodeDrained(NodeName, Node.Drain)
    case nodeUndrained(NodeName, by: String)
    /// A given-up attempt is gone from its node. Its end changes nothing else.
    case staleAttemptEnded(attempt: AttemptID, node: NodeName, AttemptEnd)

    /// What becomes of a task whose attempt has ended.
    public enum Disposition: Hashable, Sendable, Codable {
        case ended(Outcome)
        /// It waits for its next attempt, at least until `notBefore`.
        case waits(notBefore: Timestamp?, countsAsRetry: Bool)
    }
}

/// An event with its place in the journal.
public struct RecordedEvent: Hashable, Sendable, Codable {
    /// From 1, without a gap.
    public var sequence: UInt64
    public var time: Timestamp
    public var event: ClusterEvent

    public init(sequence: UInt64, time: Timestamp, event: ClusterEvent) {
        self.sequence = sequence
        self.time = time
        self.event = event
    }
}

/// An event that cannot follow on what is true: a fault in Berth or in the journal.
public struct IllegalTransition: Error, Equatable, CustomStringConvertible {
    public let event: String
    public let problem: String

    public var description: String { "The event \(event) cannot be applied: \(problem)." }
}

/// The queues of a cluster, and how their jobs are ordered.
public struct ClusterConfiguration: Hashable, Sendable, Codable {
    /// In the order of the configuration file.
    public var queues: [Queue]
    public var defaultQueue: String
    public var planning: PlanningConfiguration
    public var failures: FailureLimits

    public init(
        queues: [Queue] = Queue.shipped, defaultQueue: String = "batch",
        planning: PlanningConfiguration = PlanningConfiguration(), failures: FailureLimits = FailureLimits()
    ) {
        self.queues = queues
        self.defaultQueue = defaultQueue
        self.planning = planning
        self.failures = failures
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        queues = try container.decode([Queue].self, forKey: .queues)
        defaultQueue = try container.decode(String.self, forKey: .defaultQueue)
        // Journals from before it could be set do not have it.
        planning =
            try container.decodeIfPresent(PlanningConfiguration.self, forKey: .planning) ?? PlanningConfiguration()
        failures = try container.decodeIfPresent(FailureLimits.self, forKey: .failures) ?? FailureLimits()
    }

    public func queue(_ name: String) -> Queue? { queues.first { $0.name == name } }
}

/// A named class of jobs.
public struct Queue: Hashable, Sendable, Codable {
    public var name: String
    /// Jobs of a higher tier are looked at first.
    public var tier: Int
    /// Whether its jobs may be stopped for others; they are told ahead and run again later.
    public var isPreemptible: Bool
    /// Which nodes it may use; nil means all.
    public var nodes: Expression?
    /// Most tasks at a time that hold resources, for all and for each user.
    public var maximumRunning: Int?
    public var maximumRunningPerUser: Int?
    public var maximumRunningPerProject: Int?
    /// A job that runs is not preempted before it has run so long.
    public var minimumRunTime: Duration { minimumRunMicroseconds.map { .microseconds($0) } ?? .zero }
    private var minimumRunMicroseconds: Int64?
    /// Longest time limit a job may ask for, and the limit of those that ask for none.
    @OptionalMicroseconds public var maximumTime: Duration?
    @OptionalMicroseconds public var defaultTime: Duration?
    /// Longest time between notice and kill a job may ask for.
    @Microseconds public var maximumGrace: Duration

    public init(
        name: String, tier: Int, isPreemptible: Bool = false, nodes: Expression? = nil, maximumRunning: Int? = nil,
        maximumRunningPerUser: Int? = nil, maximumRunningPerProject: Int? = nil, minimumRunTime: Duration = .zero,
        maximumTime: Duration? = nil, defaultTime: Duration? = nil, maximumGrace: Duration = .seconds(600)
    ) {
        self.name = name
        self.tier = tier
        self.isPreemptible = isPreemptible
        self.nodes = nodes
        self.maximumRunning = maximumRunning
        self.maximumRunningPerUser = maximumRunningPerUser
        self.maximumRunningPerProject = maximumRunningPerProject
        minimumRunMicroseconds = minimumRunTime == .zero ? nil : minimumRunTime.microseconds
        self.maximumTime = maximumTime
        self.defaultTime = defaultTime
        self.maximumGrace = maximumGrace
    }

    /// What a cluster has that configures none.
    public static let shipped = [
        Queue(name: "urgent", tier: 100), Queue(name: "batch", tier: 50),
        Queue(name: "spot", tier: 10, isPreemptible: true),
    ]
}
