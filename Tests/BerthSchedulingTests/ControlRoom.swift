import BerthModel
import BerthPlanner
import BerthScheduling

/// A controller's mind with its clock and its history in a scene's hands: agents and users speak, `round()` settles.
struct ControlRoom {
    private(set) var dispatcher: Dispatcher
    private(set) var history = PastJobs()
    private(set) var now = Timestamp.epoch
    private var keys = 0

    init(
        _ machines: NodeRegistration..., queues: [Queue] = Queue.shipped, failures: FailureLimits = FailureLimits()
    ) {
        dispatcher = Dispatcher(Cluster(), at: .epoch)
        dispatcher.configure(ClusterConfiguration(queues: queues, failures: failures), at: .epoch)
        for machine in machines { join(machine) }
        _ = round()
    }

    var cluster: Cluster { dispatcher.cluster }

    /// Settles, and makes what has happened part of history.
    ///
    /// - Returns: what has happened since the last round, and what agents are told.
    mutating func round() -> (events: [ClusterEvent], told: [Dispatcher.Outgoing], next: Timestamp?) {
        let next = dispatcher.settle(at: now)
        let events = dispatcher.takeEvents()
        for event in events { history.take(event, cluster) }
        return (events, dispatcher.takeMessages(), next)
    }

    /// Why a job that is there waits.
    mutating func waitReasons(for job: Job) -> [WaitReason] { dispatcher.waitReasons(for: job, at: now) }

    mutating func note(_ forecast: WaitForecast, of job: Job.ID) { dispatcher.note(forecast, of: job, at: now) }

    mutating func wait(_ duration: Duration) { now = now + duration }

    // MARK: - Users

    mutating func submit(
        _ jobs: [Dispatcher.RequestedJob], user: String = "ada", key: String? = nil, digest: String = "digest"
    ) throws(Refusal) -> [Job.ID] {
        keys += 1
        let request = Dispatcher.SubmissionRequest(
            jobs: jobs, user: user, key: key ?? "key\(keys)", contentDigest: digest)
        return try dispatcher.submit(request, history: history, at: now)
    }

    mutating func submit(
        _ resources: ResourceRequest = ResourceRequest(), queue: String = "batch", key: String? = nil,
        digest: String = "digest", _ change: (inout JobSpecification) -> Void = { _ in }
    ) throws(Refusal) -> Job.ID {
        try submit([.init(.plain(resources, queue: queue, change))], key: key, digest: digest)[0]
    }

    mutating func cancel(_ id: String) throws {
        guard let task = TaskID(id) else { return }
        try dispatcher.cancel(task, by: "ada", history: history, at: now)
    }

    mutating func requeue(_ id: String) throws {
        guard let task = TaskID(id) else { return }
        try dispatcher.requeue(task, by: "ada", history: history, at: now)
    }

    mutating func hold(_ id: Job.ID) throws { try dispatcher.hold(id, by: "ada", history: history, at: now) }
    mutating func release(_ id: Job.ID) throws { try dispatcher.release(id, by: "ada", history: history, at: now) }
    mutating func reopen(_ submission: Submission) throws { try dispatcher.reopen(submission, by: "ada", at: now) }
    mutating func drain(_ node: NodeName, stopping: Bool = false) throws {
        try dispatcher.drain(node, reason: "a fan", stopping: stopping, by: "op", at: now)
    }
    mutating func configure(_ configuration: ClusterConfiguration) { dispatcher.configure(configuration, at: now) }
    mutating func undrain(_ node: NodeName) throws { try dispatcher.undrain(node, by: "op", at: now) }

    // MARK: - Agents

    mutating func join(_ machine: NodeRegistration, _ statuses: [AttemptStatus] = [], session: UInt64 = 1) {
        dispatcher.receive(.hello(machine, statuses), from: machine.name, session: session, at: now)
    }

    mutating func tell(_ message: AgentMessage, from node: NodeName = "a", session: UInt64 = 1) {
        dispatcher.receive(message, from: node, session: session, at: now)
    }

    /// A started job's present attempt.
    func attempt(_ id: String) -> Attempt? { TaskID(id).flatMap { cluster.task($0)?.state.attempt } }

    /// What an agent says of an attempt.
    func status(_ attempt: Attempt?, _ phase: AttemptStatus.Phase) -> AttemptStatus {
        AttemptStatus(
            attempt: attempt?.id ?? AttemptID(task: TaskID(job: Job.ID(99)), number: 1), fence: attempt?.fence ?? 0,
            phase: phase)
    }

    /// A job that runs.
    mutating func running(
        _ resources: ResourceRequest = ResourceRequest(), from node: NodeName = "a",
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) throws -> Attempt {
        let job = try submit(resources, change)
        _ = round()
        guard let attempt = attempt("\(job)") else { throw NotStarted() }
        tell(.update(status(attempt, .running(.plain))), from: node)
        _ = round()
        return attempt
    }

    struct NotStarted: Error {}

    /// What becomes of the attempt's task when it ends so.
    mutating func disposition(of attempt: Attempt, _ end: AttemptEnd) -> ClusterEvent.Disposition? {
        tell(.update(status(attempt, .ended(end, launch: .plain))), from: attempt.allocation.node)
        for case .attemptEnded(attempt.id, _, then: let disposition) in dispatcher.takeEvents() { return disposition }
        return nil
    }

    /// This controller goes; its successor knows what was recorded.
    mutating func restart() { dispatcher = Dispatcher(cluster, timing: dispatcher.timing, at: now) }
}

extension Launch {
    static let plain = Launch(startTime: .epoch, bound: Binding(cpus: [0]))
}

extension AttemptEnd {
    static func exit(_ code: Int) -> AttemptEnd { AttemptEnd(cause: .exit, exitCode: code, endTime: .epoch) }
    static func by(_ cause: Cause) -> AttemptEnd { AttemptEnd(cause: cause, endTime: .epoch) }
}

/// What is remembered of jobs that have left the cluster.
struct PastJobs: History {
    private var submissions: [Dispatcher.SubmissionKey: PastSubmission] = [:]
    private var ends: [Job.ID: EndState] = [:]

    func submission(_ key: Dispatcher.SubmissionKey) throws(Refusal) -> PastSubmission? { submissions[key] }
    func endState(of job: Job.ID) throws(Refusal) -> EndState? { ends[job] }

    mutating func take(_ event: ClusterEvent, _ cluster: Cluster) {
        if case .submitted(let submission) = event {
            let key = Dispatcher.SubmissionKey(user: submission.user, key: submission.key)
            submissions[key, default: PastSubmission(contentDigest: submission.contentDigest, jobs: [])].jobs.append(
                submission.id)
        }
        switch event {
        case .attemptEnded(let attempt, _, then: .ended(let outcome)) where cluster.jobs[attempt.task.job] == nil:
            ends[attempt.task.job] = outcome.state
        case .tasksEnded(let job, _, let outcome, by: _) where cluster.jobs[job] == nil: ends[job] = outcome.state
        default: break
        }
    }
}
