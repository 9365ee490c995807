public import BerthModel

/// What a plan decides: who starts now and where, who is stopped for others, and what is kept free for whom.
public struct Plan: Sendable {
    /// In the order in which they were decided.
    public var starts: [Start] = []
    public var preemptions: [Preemption] = []
    public var reservations: [Reservation] = []
    /// Who is first in the order of those that no limit keeps back and for which there is no room.
    public var firstWaiting: Job.ID?

    public init() {}

    /// One task of a job starts.
    public struct Start: Sendable {
        public var job: Job.ID
        /// Whether it is one of the job's tasks that were preempted.
        public var isReturning: Bool
        /// One for each node, in the order of the nodes' names; a gang has several.
        public var allocations: [Allocation]
        /// Whether its project holds more than its quota with it.
        public var isBorrowing: Bool
        /// How long it is expected to run; nil where nothing is known.
        public var expectedTime: Duration?
        public var decision: Decision
    }

    /// Attempts that are to make room for a job.
    public struct Preemption: Hashable, Sendable {
        public var job: Job.ID
        public var victims: [AttemptID]
        /// Seconds of work, restoring and starting again that it costs, in core-seconds.
        public var cost: Double
    }

    /// What is kept free for a job that cannot start now.
    public struct Reservation: Hashable, Sendable {
        public var job: Job.ID
        public var nodes: [NodeName]
        public var time: Timestamp
        public var shape: Int
        /// Whether the job could start now, and will be over sooner on these nodes, since it goes faster there.
        public var isChosen = false
    }
}

/// The rules that a plan follows; part of every decision's record, and different whenever the same cluster could be
/// decided otherwise.
public let planningPolicy = "lines/7"
