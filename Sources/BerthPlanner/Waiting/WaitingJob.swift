public import BerthModel

/// What a job's waiting tasks have in common for the planner. Jobs with equal terms stand in one line.
public struct WaitingTerms: Hashable, Sendable {
    /// In the order in which they are tried.
    public var shapes: [TaskShape]
    public var queue: String
    public var user: String
    public var project: String?
    public var name: String
    /// As the submitter says; nil where it is to be learned.
    public var expectedTime: Duration?
    public var timeLimit: Duration?
    /// The pool that they start from.
    public var pool: String?
    /// Whether these tasks were preempted.
    public var isReturning: Bool

    public init(
        shapes: [TaskShape], queue: String, user: String, project: String? = nil, name: String = "",
        expectedTime: Duration? = nil, timeLimit: Duration? = nil, pool: String? = nil, isReturning: Bool = false
    ) {
        self.shapes = shapes
        self.queue = queue
        self.user = user
        self.project = project
        self.name = name
        self.expectedTime = expectedTime
        self.timeLimit = timeLimit
        self.pool = pool
        self.isReturning = isReturning
    }
}

/// The tasks of one job that may start now.
public struct WaitingJob: Hashable, Sendable {
    public var id: Job.ID
    public var submitTime: Timestamp
    /// How many may start; of an array, no more than its own limit lets.
    public var tasks: Int

    public init(id: Job.ID, submitTime: Timestamp, tasks: Int = 1) {
        self.id = id
        self.submitTime = submitTime
        self.tasks = tasks
    }
}

extension WaitingTerms {
    /// What is known of such a job before it runs.
    var runTimeFeatures: RunTimeEstimator.Features {
        RunTimeEstimator.Features(
            user: user, name: name, cores: shapes.first?.request.cpus ?? 1, expectedTime: expectedTime,
            timeLimit: timeLimit)
    }
}
