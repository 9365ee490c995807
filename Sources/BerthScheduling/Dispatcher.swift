public import BerthModel

/// The controller's mind: takes in what users and agents say, decides, and collects what is to be recorded and told.
/// Pure: the controller, the simulator and the chaos tests run this same value, each with a clock and a journal of its
/// own.
///
/// Whoever owns it works in rounds: let it take in everything that has arrived, call `settle(at:)`, make
/// `takeEvents()` durable, and only then send `takeMessages()` and answer.
public struct Dispatcher: Sendable {
    public private(set) var cluster: Cluster
    public let timing: Timing
    private var events: [ClusterEvent] = []
    private var messages: [Outgoing] = []
    /// Streams to agents. Not recorded: after a restart every agent opens a new one.
    private var sessions: [NodeName: Session] = [:]
    /// What this round has brought that `History` does not know yet.
    private var newSubmissions: [SubmissionKey: PastSubmission] = [:]
    private var newlyEnded: [Job.ID: EndState] = [:]

    public struct Timing: Hashable, Sendable, Codable {
        /// An agent says something at least this often.
        public var heartbeatInterval: Duration
        /// A node that has been silent for so long is lost.
        public var lostAfter: Duration

        public init(heartbeatInterval: Duration = .seconds(5), lostAfter: Duration = .seconds(60)) {
            self.heartbeatInterval = heartbeatInterval
            self.lostAfter = lostAfter
        }
    }

    public struct Outgoing: Hashable, Sendable {
        public var node: NodeName
        public var session: UInt64
        public var message: ControllerMessage
    }

    private struct Session: Sendable {
        /// nil until the node's agent has said hello to this controller.
        var number: UInt64?
        var lastHeard: Timestamp
    }

    /// - Parameter now: when this controller took over; nodes get a full `lostAfter` from then on to be heard.
    public init(_ cluster: Cluster, timing: Timing = Timing(), at now: Timestamp) {
        self.cluster = cluster
        self.timing = timing
        for node in cluster.nodes.values where node.isUp { sessions[node.name] = Session(number: nil, lastHeard: now) }
    }

    // MARK: - What came of it

    /// The events since the last call, in order.
    public mutating func takeEvents() -> [ClusterEvent] {
        defer { events = [] }
        return events
    }

    /// What to tell agents, once the events are durable.
    public mutating func takeMessages() -> [Outgoing] {
        newSubmissions = [:]
        newlyEnded = [:]
        defer { messages = [] }
        return messages
    }

    /// Makes an event true here; it counts for others once its owner has recorded it.
    private mutating func record(_ event: ClusterEvent, at now: Timestamp) {
        do throws(IllegalTransition) {
            let job = event.job
            let before = job.flatMap { cluster.jobs[$0] }
            try cluster.apply(event, at: now)
            if let job, let before, cluster.jobs[job] == nil { newlyEnded[job] = before.endState(after: event) }
            events.append(event)
        } catch {
            preconditionFailure("A decision broke the cluster's own rules: \(error)")
        }
    }

    private mutating func send(_ message: ControllerMessage, to node: NodeName) {
        guard let session = sessions[node]?.number else { return }
        messages.append(Outgoing(node: node, session: session, message: message))
    }

    // MARK: - Users

    public struct SubmissionKey: Hashable, Sendable {
        public var user: String
        public var key: String

        public init(user: String, key: String) {
            self.user = user
            self.key = key
        }
    }

    public struct SubmissionRequest: Sendable {
        public var jobs: [RequestedJob]
        public var user: String
        public var key: String
        /// Of everything that was asked for; the same key with another digest is refused.
        public var contentDigest: String

        public init(jobs: [RequestedJob], user: String, key: String, contentDigest: String) {
            self.jobs = jobs
            self.user = user
            self.key = key
            self.contentDigest = contentDigest
        }
    }

    /// A job of a submission; `dependsOn` names others of the same submission by their places.
    public struct RequestedJob: Sendable {
        public var specification: JobSpecification
        public var dependsOn: [(place: Int, condition: Dependency.Condition)]

        public init(_ specification: JobSpecification, dependsOn: [(place: Int, condition: Dependency.Condition)] = [])
        {
            self.specification = specification
            self.dependsOn = dependsOn
        }
    }

    /// Accepts jobs, all of them or none.
    ///
    /// - Returns: their ids in order; those of the first submission if its key was used with the same content.
    public mutating func submit(_ request: SubmissionRequest, history: some History, at now: Timestamp)
        throws(Refusal) -> [Job.ID]
    {
        let key = SubmissionKey(user: request.user, key: request.key)
        if let earlier = newSubmissions[key] ?? history.submission(key) {
            guard earlier.contentDigest == request.contentDigest else {
                throw .keyReused(request.key, jobs: earlier.jobs)
            }
            return earlier.jobs
        }
        guard !request.jobs.isEmpty else { throw .invalid("The submission holds no job.") }
        try refuseCycles(request.jobs)
        let first = cluster.nextJob.number
        var submissions: [Submission] = []
        for (place, requested) in request.jobs.enumerated() {
            var specification = requested.specification
            for dependency in requested.dependsOn {
                let job = Job.ID(first + UInt64(dependency.place))
                specification.dependencies.append(Dependency(job: job, condition: dependency.condition))
            }
            let own = Set((0..<request.jobs.count).map { Job.ID(first + UInt64($0)) })
            let unmet = try unmetDependencies(of: specification, siblings: own, history: history)
            try check(specification, at: now)
            submissions.append(
                Submission(
                    id: Job.ID(first + UInt64(place)), specification: specification, user: request.user,
                    submitTime: now,
                    key: request.key, contentDigest: request.contentDigest, unmetDependencies: unmet))
        }
        for submission in submissions { record(.submitted(submission), at: now) }
        let ids = submissions.map(\.id)
        newSubmissions[key] = PastSubmission(contentDigest: request.contentDigest, jobs: ids)
        return ids
    }

    private func refuseCycles(_ jobs: [RequestedJob]) throws(Refusal) {
        var finished: Set<Int> = []
        for start in jobs.indices where !finished.contains(start) {
            var path: [(place: Int, next: Int)] = [(start, 0)]
            while let (place, next) = path.last {
                guard next < jobs[place].dependsOn.count else {
                    finished.insert(place)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = jobs[place].dependsOn[next].place
                if let loop = path.firstIndex(where: { $0.place == target }) {
                    let names = (path[loop...].map(\.place) + [target]).map { jobs[$0].specification.name }
                    throw .cyclicDependency(names)
                }
                if !finished.contains(target) { path.append((target, 0)) }
            }
        }
    }

    private func unmetDependencies(
        of specification: JobSpecification, siblings: Set<Job.ID>, history: some History
    ) throws(Refusal) -> [Dependency] {
        var unmet: [Dependency] = []
        for dependency in specification.dependencies {
            if siblings.contains(dependency.job) {
                unmet.append(dependency)
            } else if let job = cluster.jobs[dependency.job] {
                if dependency.condition != .started || !job.hasStarted { unmet.append(dependency) }
            } else if let state = newlyEnded[dependency.job] ?? history.endState(of: dependency.job) {
                guard dependency.condition.isMet(by: state) else {
                    throw .dependencyFailed(dependency.job, state, dependency.condition)
                }
            } else {
                throw .noJob(dependency.job)
            }
        }
        return unmet
    }

    /// Refuses what its queue does not allow and what no node could ever run.
    private func check(_ specification: JobSpecification, at now: Timestamp) throws(Refusal) {
        let configuration = cluster.configuration
        guard let queue = configuration.queue(specification.queue) else {
            throw .noQueue(specification.queue, known: configuration.queues.map(\.name))
        }
        if let limit = queue.maximumTime, let asked = specification.timeLimit, asked > limit {
            throw .timeOverQueueLimit(asked: asked, limit: limit, queue: queue.name)
        }
        if let asked = specification.grace, asked > queue.maximumGrace {
            throw .graceOverQueueLimit(asked: asked, limit: queue.maximumGrace, queue: queue.name)
        }
        if let deadline = specification.deadline, deadline <= now { throw .deadlinePassed(deadline) }
        if let pool = specification.pool { throw .noPool(pool) }
        if let shape = specification.shapes.first(where: { $0.nodes > 1 }) {
            throw .neverFits(
                node: cluster.nodes.keys.min() ?? "", shortfalls: [.gang(nodes: shape.nodes)],
                nodes: cluster.nodes.count)
        }
        if let miss = nearestMiss(for: specification, in: cluster) {
            throw .neverFits(node: miss.node, shortfalls: miss.shortfalls, nodes: cluster.nodes.count)
        }
    }

    /// Ends a job or one of its tasks: waiting tasks at once, those with resources after their grace.
    public mutating func cancel(_ id: TaskID, by user: String, history: some History, at now: Timestamp)
        throws(Refusal)
    {
        let job = try liveJob(id, history: history)
        let waiting = waitingTasks(of: job).filter { id.index == nil || $0 == id.index }
        let live = job.tasks.values.compactMap(\.state.attempt).filter { id.index == nil || $0.id.task == id }
        if id.index != nil, waiting.isEmpty, live.isEmpty {
            guard job.isArray, job.specification.taskIndices.contains(id.index ?? 0) else { throw .noTask(id) }
            throw .hasEnded(id, .cancelled)
        }
        for attempt in live.sorted(by: { $0.id < $1.id }) { stop(attempt, .cancelled, by: user, at: now) }
        if !waiting.isEmpty {
            let outcome = Outcome(state: .cancelled, reason: .cancelled, message: "\(user) cancelled it.")
            record(.tasksEnded(job: job.id, tasks: IndexRanges(waiting), outcome, by: user), at: now)
        }
    }

    private func waitingTasks(of job: Job) -> [Int] {
        job.untouched + job.tasks.filter { $0.value.state.attempt == nil }.keys.sorted()
    }

    public mutating func hold(_ id: Job.ID, by user: String, history: some History, at now: Timestamp) throws(Refusal) {
        let job = try liveJob(TaskID(job: id), history: history)
        if !job.isHeld { record(.held(job: id, by: user), at: now) }
    }

    public mutating func release(_ id: Job.ID, by user: String, history: some History, at now: Timestamp)
        throws(Refusal)
    {
        let job = try liveJob(TaskID(job: id), history: history)
        guard job.isHeld else { throw .notHeld(id) }
        record(.released(job: id, by: user), at: now)
    }

    /// Sends the running tasks of a job back to the queue.
    public mutating func requeue(_ id: TaskID, by user: String, history: some History, at now: Timestamp)
        throws(Refusal)
    {
        let job = try liveJob(id, history: history)
        let live = job.tasks.values.compactMap(\.state.attempt).filter { id.index == nil || $0.id.task == id }
        for attempt in live.sorted(by: { $0.id < $1.id }) { stop(attempt, .requeued, by: user, at: now) }
    }

    /// Runs an ended job again.
    ///
    /// - Parameter submission: the job as it was, with `reopened` filled in by whoever keeps the history.
    public mutating func reopen(_ submission: Submission, by user: String, at now: Timestamp) throws(Refusal) {
        guard submission.reopened?.tasks.isEmpty == false else { throw .nothingToRequeue(submission.id) }
        try check(submission.specification, at: now)
        record(.reopened(submission, by: user), at: now)
    }

    public func liveJob(_ id: TaskID, history: some History) throws(Refusal) -> Job {
        if let job = cluster.jobs[id.job] { return job }
        guard let state = newlyEnded[id.job] ?? history.endState(of: id.job) else { throw .noJob(id.job) }
        throw .hasEnded(id, state.jobState)
    }

    private mutating func stop(_ attempt: Attempt, _ reason: StopReason, by user: String, at now: Timestamp) {
        // A second stop changes the reason only towards the one that ends the task.
        if case .stopping(_, let earlier) = cluster.state(of: attempt.id), earlier == reason || reason.runsAgain {
            return
        }
        record(.stopping(attempt: attempt.id, reason, by: user), at: now)
        send(.stop(attempt: attempt.id, fence: attempt.fence, reason), to: attempt.allocation.node)
    }

    public mutating func drain(
        _ node: NodeName, reason: String, stopping: Bool, by user: String, at now: Timestamp
    ) throws(Refusal) {
        guard let known = cluster.nodes[node] else { throw .noNode(node, known: cluster.nodes.keys.map(\.text)) }
        if known.drain?.reason != reason { record(.nodeDrained(node, Node.Drain(reason: reason, by: user)), at: now) }
        guard stopping else { return }
        for id in known.given.keys.sorted() {
            if let attempt = cluster.state(of: id)?.attempt { stop(attempt, .drained, by: user, at: now) }
        }
    }

    public mutating func undrain(_ node: NodeName, by user: String, at now: Timestamp) throws(Refusal) {
        guard let known = cluster.nodes[node] else { throw .noNode(node, known: cluster.nodes.keys.map(\.text)) }
        if known.drain != nil { record(.nodeUndrained(node, by: user), at: now) }
    }

    public mutating func configure(_ configuration: ClusterConfiguration, at now: Timestamp) {
        if cluster.configuration != configuration { record(.configured(configuration), at: now) }
    }

    // MARK: - Agents

    /// Takes in what an agent says.
    ///
    /// - Parameter session: the stream it came on. A node's highest session is its present one; what comes on an older
    ///   one is late and changes nothing.
    public mutating func receive(_ message: AgentMessage, from node: NodeName, session: UInt64, at now: Timestamp) {
        if case .hello(let registration, let statuses) = message {
            if let current = sessions[node]?.number, current >= session { return }
            sessions[node] = Session(number: session, lastHeard: now)
            welcome(registration, at: now)
            reconcile(node, statuses, at: now)
            return
        }
        guard sessions[node]?.number == session else { return }
        sessions[node]?.lastHeard = now
        switch message {
        case .hello, .heartbeat: break
        case .update(let status): take(status, from: node, at: now)
        case .report(let attempt, let fence, let report):
            if isCurrent(attempt, fence: fence) { record(.reported(attempt: attempt, report), at: now) }
        }
    }

    private mutating func welcome(_ registration: NodeRegistration, at now: Timestamp) {
        guard let known = cluster.nodes[registration.name], known.registration == registration else {
            record(.nodeJoined(registration), at: now)
            return
        }
        if !known.isUp { record(.nodeReturned(registration.name), at: now) }
    }

    /// Brings what the agent has and what the cluster believes together.
    private mutating func reconcile(_ node: NodeName, _ statuses: [AttemptStatus], at now: Timestamp) {
        for status in statuses { take(status, from: node, at: now) }
        let known = Set(statuses.map(\.attempt))
        for id in (cluster.nodes[node]?.given.keys ?? [:].keys).sorted() where !known.contains(id) {
            let forgotten = AttemptEnd(
                cause: .nodeLost, message: "The agent of \(node) no longer knew of it.", endTime: now)
            switch cluster.state(of: id) {
            case .starting(let attempt): sendStart(attempt)
            case .running: end(id, forgotten, at: now)
            case .stopping(let attempt, let reason):
                // It may never have arrived: the agent answers a stop for what it does not know as well.
                send(.stop(attempt: id, fence: attempt.fence, reason), to: node)
            case .waiting, nil: record(.staleAttemptEnded(attempt: id, node: node, forgotten), at: now)
            }
        }
    }

    private func isCurrent(_ attempt: AttemptID, fence: UInt64) -> Bool {
        cluster.state(of: attempt)?.attempt?.fence == fence
    }

    private mutating func take(_ status: AttemptStatus, from node: NodeName, at now: Timestamp) {
        let id = status.attempt
        guard isCurrent(id, fence: status.fence) else {
            takeStale(status, from: node, at: now)
            return
        }
        switch (status.phase, cluster.state(of: id)) {
        case (.ordered, .stopping(_, let reason)):
            send(.stop(attempt: id, fence: status.fence, reason), to: node)
        case (.ordered, _): break
        case (.running(let launch), .starting): record(.launched(attempt: id, launch), at: now)
        case (.running, .stopping(_, let reason)):
            send(.stop(attempt: id, fence: status.fence, reason), to: node)
        case (.running, _): break
        case (.ended(let attemptEnd, let launch), let state):
            if case .starting = state, let launch { record(.launched(attempt: id, launch), at: now) }
            end(id, attemptEnd, at: now)
            send(.acknowledge(attempt: id, fence: status.fence), to: node)
        }
    }

    /// An attempt that was given up: it must not go on, and its end changes nothing but the node's resources.
    private mutating func takeStale(_ status: AttemptStatus, from node: NodeName, at now: Timestamp) {
        guard case .ended(let end, _) = status.phase else {
            send(.stop(attempt: status.attempt, fence: status.fence, .stale), to: node)
            return
        }
        if cluster.nodes[node]?.given[status.attempt] != nil, cluster.state(of: status.attempt) == nil {
            record(.staleAttemptEnded(attempt: status.attempt, node: node, end), at: now)
        }
        send(.acknowledge(attempt: status.attempt, fence: status.fence), to: node)
    }

    private mutating func end(_ id: AttemptID, _ attemptEnd: AttemptEnd, at now: Timestamp) {
        guard let job = cluster.jobs[id.task.job], let task = cluster.task(id.task) else { return }
        let disposition = disposition(of: attemptEnd, task: task, job: job, attempt: id, at: now)
        record(.attemptEnded(attempt: id, attemptEnd, then: disposition), at: now)
    }

    private mutating func sendStart(_ attempt: Attempt) {
        guard let job = cluster.jobs[attempt.id.task.job] else { return }
        var specification = job.specification
        let queue = cluster.configuration.queue(specification.queue)
        specification.timeLimit = specification.timeLimit ?? queue?.defaultTime
        let order = AttemptOrder(
            attempt: attempt, specification: specification, user: job.submission.user,
            maximumGrace: queue?.maximumGrace ?? Queue.shipped[0].maximumGrace)
        send(.start(order), to: attempt.allocation.node)
    }

    // MARK: - Time

    /// Does what is due, plans, and collects the orders that follow. Call it once a round, after everything that
    /// arrived has been taken in.
    ///
    /// - Returns: when to call it again if nothing happens before.
    public mutating func settle(at now: Timestamp) -> Timestamp? {
        loseSilentNodes(at: now)
        var next = endHopelessJobs(at: now)
        let plan = plan(cluster, at: now)
        for start in plan.starts {
            record(.started(start.attempt, start.decision), at: now)
            sendStart(start.attempt)
        }
        if let time = plan.nextTime { next = min(next ?? time, time) }
        for session in sessions.values {
            let time = session.lastHeard + timing.lostAfter
            next = min(next ?? time, time)
        }
        return next
    }

    private mutating func loseSilentNodes(at now: Timestamp) {
        for (name, session) in sessions.sorted(by: { $0.key < $1.key })
        where session.lastHeard + timing.lostAfter <= now {
            sessions[name] = nil
            guard let node = cluster.nodes[name], node.isUp else { continue }
            record(.nodeLost(name), at: now)
            let silent = AttemptEnd(
                cause: .nodeLost, message: "Node \(name) was not heard for \(timing.lostAfter.text).", endTime: now)
            for id in node.given.keys.sorted() where cluster.state(of: id) != nil { end(id, silent, at: now) }
        }
    }

    /// Ends jobs that can no longer start: their dependency failed, or their deadline has passed.
    ///
    /// - Returns: the next deadline.
    private mutating func endHopelessJobs(at now: Timestamp) -> Timestamp? {
        var next: Timestamp?
        var again = true
        while again {
            again = false
            for place in cluster.queueOrder {
                guard let job = cluster.jobs[place.job] else { continue }
                let outcome: Outcome
                if let dependency = job.failedDependency {
                    outcome = Outcome(
                        state: .failed, reason: .dependencyFailed,
                        message: "Job \(dependency.job) ended without having \(dependency.condition.past).")
                } else if let deadline = job.specification.deadline {
                    guard deadline <= now else {
                        next = min(next ?? deadline, deadline)
                        continue
                    }
                    outcome = Outcome(
                        state: .failed, reason: .policy, message: "It had not started by its deadline \(deadline).")
                } else {
                    continue
                }
                record(
                    .tasksEnded(job: job.id, tasks: IndexRanges(waitingTasks(of: job)), outcome, by: "berth"), at: now)
                again = true  // It may have been somebody's dependency.
            }
        }
        return next
    }
}

extension Job {
    /// How the job has ended, given the event that ended its last task.
    fileprivate func endState(after event: ClusterEvent) -> EndState {
        var tally = ended
        switch event {
        case .attemptEnded(_, _, then: .ended(let outcome)): tally.count(outcome.state, 1)
        case .tasksEnded(_, let tasks, let outcome, by: _): tally.count(outcome.state, tasks.count)
        default: break
        }
        return tally.state
    }
}

extension Dependency.Condition {
    /// Whether a job that has ended so meets it.
    func isMet(by state: EndState) -> Bool {
        switch self {
        case .succeeded: state == .succeeded
        case .failed: state == .failed || state == .timedOut
        case .ended, .started: true
        }
    }
}

/// What is known of jobs that have left the cluster: the journal's answers, or a simulated journal's.
public protocol History {
    func submission(_ key: Dispatcher.SubmissionKey) -> PastSubmission?
    func endState(of job: Job.ID) -> EndState?
}

/// A submission that was accepted before.
public struct PastSubmission: Hashable, Sendable {
    public var contentDigest: String
    public var jobs: [Job.ID]

    public init(contentDigest: String, jobs: [Job.ID]) {
        self.contentDigest = contentDigest
        self.jobs = jobs
    }
}
