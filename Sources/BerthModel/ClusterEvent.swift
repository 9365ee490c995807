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

extension ClusterEvent {
    /// The event's kind, as it stands in the journal: `attemptEnded`.
    public var name: String {
        switch self {
        case .configured: "configured"
        case .submitted: "submitted"
        case .foreseen: "foreseen"
        case .reopened: "reopened"
        case .held: "held"
        case .released: "released"
        case .jobsHeld: "jobsHeld"
        case .familyReleased: "familyReleased"
        case .started: "started"
        case .launched: "launched"
        case .reported: "reported"
        case .stopping: "stopping"
        case .memberEnded: "memberEnded"
        case .attemptEnded: "attemptEnded"
        case .tasksEnded: "tasksEnded"
        case .nodeJoined: "nodeJoined"
        case .nodeReturned: "nodeReturned"
        case .nodeLost: "nodeLost"
        case .nodeFaulted: "nodeFaulted"
        case .nodeDrained: "nodeDrained"
        case .nodeUndrained: "nodeUndrained"
        case .staleAttemptEnded: "staleAttemptEnded"
        }
    }

    /// The job it is about, if it is about one.
    public var job: Job.ID? {
        switch self {
        case .submitted(let submission), .reopened(let submission, by: _): submission.id
        case .held(let job, by: _), .released(let job, by: _), .tasksEnded(let job, _, _, by: _),
            .foreseen(let job, _):
            job
        case .started(let attempt, _): attempt.id.task.job
        case .launched(let attempt, _), .reported(let attempt, _), .stopping(let attempt, _, by: _),
            .memberEnded(let attempt, _, _), .attemptEnded(let attempt, _, then: _),
            .staleAttemptEnded(let attempt, _, _):
            attempt.task.job
        case .jobsHeld(let jobs, _) where jobs.count == 1: jobs.first
        case .jobsHeld, .familyReleased, .configured, .nodeJoined, .nodeReturned, .nodeLost, .nodeFaulted, .nodeDrained,
            .nodeUndrained:
            nil
        }
    }
}
