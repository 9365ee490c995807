/// What is true of the whole cluster: the sum of its events. A value without a clock, a file or a socket, so that the
/// controller, the simulator and what-if hold the same thing.
///
/// Jobs that have ended are not here; the journal has them.
public struct Cluster: Hashable, Sendable, Codable {
    public private(set) var configuration = ClusterConfiguration()
    public internal(set) var jobs: [Job.ID: Job] = [:]
    public internal(set) var nodes: [NodeName: Node] = [:]
    /// Which jobs wait for a job.
    var dependents: [Job.ID: Set<Job.ID>] = [:]
    /// Waiting jobs with a dependency that can no longer be met.
    public internal(set) var hopeless: Set<Job.ID> = []
    /// What users and projects have used, and how long their jobs ran: what the planner learns from.
    public internal(set) var usage = UsageLedger()
    public internal(set) var runTimes = RunTimeKnowledge()
    public internal(set) var requests = RequestHistory()
    public internal(set) var submissions = SubmissionHistory()
    /// Where jobs that name a pool need not wait for it.
    public internal(set) var warmSlots = WarmSlots()
    /// How well it was foreseen when jobs would start.
    public internal(set) var forecasts = ForecastRecord()
    /// Which jobs are of which family, and how those do.
    public internal(set) var families = FamilyLedger()
    /// Tasks that hold resources, by queue and by queue and user.
    var running: [String: Int] = [:]
    var runningByUser: [QueueUser: Int] = [:]
    public internal(set) var nextJob = Job.ID(1)
    public internal(set) var nextFence: UInt64 = 1

    public init() {}

    struct QueueUser: Hashable, Sendable, Codable {
        var queue: String
        var user: String
    }

    /// Where a job stands in line: higher tiers first, then the earlier submission.
    public struct QueuePlace: Hashable, Comparable, Sendable, Codable {
        public let tier: Int
        public let time: Timestamp
        public let job: Job.ID

        public static func < (left: Self, right: Self) -> Bool {
            (-left.tier, left.time, left.job) < (-right.tier, right.time, right.job)
        }
    }

    /// Jobs with waiting tasks by tier and submission: in the order in which people read them.
    ///
    /// - Complexity: O(j log j) for j jobs.
    public var queueOrder: [QueuePlace] { jobs.values.filter(\.hasWaitingTasks).map { place(of: $0) }.sorted() }

    private func place(of job: Job) -> QueuePlace {
        let tier = configuration.queue(job.specification.queue)?.tier ?? 0
        return QueuePlace(tier: tier, time: job.submission.submitTime, job: job.id)
    }

    public func runningTasks(queue: String) -> Int { running[queue, default: 0] }
    public func runningTasks(queue: String, user: String) -> Int {
        runningByUser[QueueUser(queue: queue, user: user), default: 0]
    }

    /// The jobs that wait for a job.
    public func dependents(of job: Job.ID) -> Set<Job.ID> { dependents[job] ?? [] }

    /// The task's state while it is not ended and was started once.
    public func task(_ id: TaskID) -> Job.Task? { jobs[id.job]?.tasks[id.index ?? 0] }

    /// The attempt's own state, if it is its task's present one.
    public func state(of attempt: AttemptID) -> TaskState? {
        guard let state = task(attempt.task)?.state, state.attempt?.id == attempt else { return nil }
        return state
    }

    /// Whether the attempt, or its member on the node, is its task's present one and has not ended.
    public func isLive(_ attempt: AttemptID, on node: NodeName) -> Bool {
        guard let task = task(attempt.task), let live = task.state.attempt, live.id == attempt else { return false }
        return live.rank(on: node) != nil && !task.hasEnded(live, on: node)
    }

    // MARK: - Events

    /// Makes `event` true. Everything is checked before anything is changed: an event that throws has changed nothing.
    ///
    /// - Complexity: O(log j) for j waiting jobs, plus the size of what the event names; never O(j).
    public mutating func apply(_ event: ClusterEvent, at time: Timestamp) throws(IllegalTransition) {
        switch event {
        case .configured(let configuration): configure(configuration)
        case .submitted(let submission): try insert(submission, event, at: time)
        case .foreseen(let job, let forecast): try foresee(job, forecast, event)
        case .reopened(let submission, by: _): try insert(submission, event, at: time)
        case .held(let job, by: _): try hold(job, nil, event, at: time)
        case .released(let job, by: _): try release(job, event, at: time)
        case .jobsHeld(let jobs, let hold): try self.hold(jobs, hold, event, at: time)
        case .familyReleased(let family, let jobs): try release(family, jobs, event, at: time)
        case .started(let attempt, _): try start(attempt, event, at: time)
        case .launched(let attempt, let launch): try launched(attempt, launch, event, at: time)
        case .reported(let attempt, let report): try take(attempt, report, event)
        case .stopping(let attempt, let reason, by: _): try stop(attempt, reason, event)
        case .memberEnded(let attempt, let rank, let memberEnd):
            try end(attempt, rank: rank, memberEnd, event, at: time)
        case .attemptEnded(let attempt, let attemptEnd, then: let disposition):
            try end(attempt, attemptEnd, disposition, event, at: time)
        case .tasksEnded(let job, let tasks, let outcome, by: _): try end(job, tasks, outcome, event, at: time)
        case .nodeJoined(let registration): join(registration)
        case .nodeReturned(let node): try existing(node, event) { $0.isUp = true }
        case .nodeLost(let node):
            try existing(node, event) { $0.isUp = false }
            warmSlots.lost(node)
        case .nodeFaulted(let node, let fault): try take(fault, of: node, event)
        case .nodeDrained(let node, let drain): try existing(node, event) { $0.drain = drain }
        case .nodeUndrained(let node, by: _):
            try existing(node, event) { node in
                node.drain = nil
                node.faults = nil
                node.troubles = nil
            }
        case .staleAttemptEnded(let attempt, let node, _): try clear(attempt, from: node, event, at: time)
        }
    }

    func require(_ condition: Bool, _ event: ClusterEvent, _ problem: @autoclosure () -> String)
        throws(IllegalTransition)
    {
        if !condition { throw IllegalTransition(event: event.name, problem: problem()) }
    }

    mutating func existing(_ id: Job.ID, _ event: ClusterEvent, _ change: (inout Job) -> Void)
        throws(IllegalTransition)
    {
        try require(jobs[id] != nil, event, "there is no job \(id) that has not ended")
        if var job = jobs.removeValue(forKey: id) {
            change(&job)
            jobs[id] = job
        }
    }

    mutating func existing(_ name: NodeName, _ event: ClusterEvent, _ change: (inout Node) -> Void)
        throws(IllegalTransition)
    {
        try require(nodes[name] != nil, event, "there is no node \(name)")
        if var node = nodes.removeValue(forKey: name) {
            change(&node)
            nodes[name] = node
        }
    }

    private mutating func configure(_ configuration: ClusterConfiguration) { self.configuration = configuration }

    private mutating func join(_ registration: NodeRegistration) {
        guard var node = nodes.removeValue(forKey: registration.name) else {
            nodes[registration.name] = Node(registration: registration)
            return
        }
        node.registration = registration
        node.isUp = true
        node.refreshFree()
        nodes[registration.name] = node
    }
}
