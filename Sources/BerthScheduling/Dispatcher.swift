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
        /// nil once the node is lost: only a hello on a newer stream counts then.
        var lastHeard: Timestamp?
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
            // The tally alone: a second holder of the job would make every change copy its tasks.
            let before = job.flatMap { cluster.jobs[$0]?.ended }
            try cluster.apply(event, at: now)
            if let job, let before, cluster.jobs[job] == nil { newlyEnded[job] = before.state(after: event) }
            events.append(event)
        } catch {
            preconditionFailure("A decision broke the cluster's own rules: \(error)")
        }
    }

    private mutating func send(_ message: ControllerMessage, to node: NodeName) {
        guard let session = sessions[node]?.number, sessions[node]?.lastHeard != nil else { return }
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
        if let earlier = try pastSubmission(key, history) {
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
            let siblings = requested.dependsOn.map { dependency in
                Dependency(job: Job.ID(first + UInt64(dependency.place)), condition: dependency.condition)
            }
            let unmet = try unmetDependencies(of: specification, history: history) + siblings
            specification.dependencies += siblings
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

    private func pastSubmission(_ key: SubmissionKey, _ history: some History) throws(Refusal) -> PastSubmission? {
        if let new = newSubmissions[key] { return new }
        return try history.submission(key)
    }

    private func endState(of job: Job.ID, _ history: some History) throws(Refusal) -> EndState? {
        if let new = newlyEnded[job] { return new }
        return try history.endState(of: job)
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
        of specification: JobSpecification, history: some History
    ) throws(Refusal) -> [Dependency] {
        var unmet: [Dependency] = []
        for dependency in specification.dependencies {
            if let job = cluster.jobs[dependency.job] {
                if dependency.condition != .started || !job.hasStarted { unmet.append(dependency) }
            } else if let state = try endState(of: dependency.job, history) {
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
            throw .gang(nodes: shape.nodes)
        }
        try refuseUnknownDevices(specification)
        if let miss = nearestMiss(for: specification, in: cluster) {
            throw .neverFits(node: miss.node, shortfalls: miss.shortfalls, nodes: cluster.nodes.count)
        }
    }

    /// Refuses kinds of devices that no node has had, if every shape asks for one.
    private func refuseUnknownDevices(_ specification: JobSpecification) throws(Refusal) {
        guard specification.shapes.allSatisfy({ !$0.devices.isEmpty }) else { return }
        let known = Set(cluster.nodes.values.flatMap { $0.inventory.devices.map(\.kind) })
        let unknown = specification.shapes.map { shape in
            shape.devices.map(\.kind).first { !known.contains($0) }
        }
        guard !cluster.nodes.isEmpty, let first = unknown.first, let kind = first, unknown.allSatisfy({ $0 != nil })
        else { return }
        throw .noDeviceKind(kind, known: known.sorted())
    }

    /// Ends a job or one of its tasks: waiting tasks at once, those with resources after their grace.
    public mutating func cancel(_ id: TaskID, by user: String, history: some History, at now: Timestamp)
        throws(Refusal)
    {
        let job = try liveJob(id, history: history)
        try refuseEndedTask(id, of: job)
        let waiting = waitingTasks(of: job).filter { id.index == nil || $0 == id.index }
        let live = job.tasks.values.compactMap(\.state.attempt).filter { id.index == nil || $0.id.task == id }
        for attempt in live.sorted(by: { $0.id < $1.id }) { stop(attempt, .cancelled, by: user, at: now) }
        if !waiting.isEmpty {
            let outcome = Outcome(state: .cancelled, reason: .cancelled, message: "\(user) cancelled it.")
            record(.tasksEnded(job: job.id, tasks: IndexRanges(waiting), outcome, by: user), at: now)
        }
    }

    /// Refuses the name of a task that the job never had, or has no longer.
    private func refuseEndedTask(_ id: TaskID, of job: Job) throws(Refusal) {
        guard let index = id.index else { return }
        guard job.isArray, job.specification.taskIndices.contains(index) else { throw .noTask(id) }
        if job.tasks[index] == nil, !job.untouched.contains(index) { throw .taskHasEnded(id) }
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
        try refuseEndedTask(id, of: job)
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
        guard let state = try endState(of: id.job, history) else { throw .noJob(id.job) }
        throw .hasEnded(id, state.jobState)
    }

    private mutating func stop(_ attempt: Attempt, _ reason: StopReason, by user: String, at now: Timestamp) {
        // A second stop changes the reason only towards the one that ends the task.
        if case .stopping(_, let earlier, _) = cluster.state(of: attempt.id), earlier == reason || reason.runsAgain {
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
    ///   one, or on one that was silent until its node was lost, is late and changes nothing. Whoever owns the streams
    ///   ends the stream of a node that is lost, so that its agent, if it lives, opens a new one.
    public mutating func receive(_ message: AgentMessage, from node: NodeName, session: UInt64, at now: Timestamp) {
        if case .hello(let registration, let statuses) = message {
            if let current = sessions[node]?.number, current >= session { return }
            sessions[node] = Session(number: session, lastHeard: now)
            welcome(registration, at: now)
            reconcile(node, statuses, at: now)
            return
        }
        guard sessions[node]?.number == session, sessions[node]?.lastHeard != nil else { return }
        sessions[node]?.lastHeard = now
        switch message {
        case .hello, .heartbeat: break
        case .update(let status): take(status, from: node, at: now)
        case .report(let attempt, let fence, let report):
            if isCurrent(attempt, fence: fence, on: node) { record(.reported(attempt: attempt, report), at: now) }
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
            case .stopping(let attempt, let reason, _):
                // It may never have arrived: the agent answers a stop for what it does not know as well.
                send(.stop(attempt: id, fence: attempt.fence, reason), to: node)
            case .waiting, nil: record(.staleAttemptEnded(attempt: id, node: node, forgotten), at: now)
            }
        }
    }

    /// Whether this is the task's present attempt, and this node's to speak of.
    private func isCurrent(_ id: AttemptID, fence: UInt64, on node: NodeName) -> Bool {
        guard let attempt = cluster.state(of: id)?.attempt else { return false }
        return attempt.fence == fence && attempt.allocation.node == node
    }

    private mutating func take(_ status: AttemptStatus, from node: NodeName, at now: Timestamp) {
        let id = status.attempt
        guard isCurrent(id, fence: status.fence, on: node) else {
            takeStale(status, from: node, at: now)
            return
        }
        switch (status.phase, cluster.state(of: id)) {
        case (.ordered, .stopping(_, let reason, _)):
            send(.stop(attempt: id, fence: status.fence, reason), to: node)
        case (.ordered, _): break
        case (.running(let launch), .starting): record(.launched(attempt: id, launch), at: now)
        case (.running(let launch), .stopping(_, let reason, let since)):
            if since == nil { record(.launched(attempt: id, launch), at: now) }
            send(.stop(attempt: id, fence: status.fence, reason), to: node)
        case (.running, _): break
        case (.ended(var attemptEnd, let launch), let state):
            if let launch, state?.isLaunchKnown == false { record(.launched(attempt: id, launch), at: now) }
            for report in attemptEnd.reports { record(.reported(attempt: id, report), at: now) }
            attemptEnd.reports = []
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
        specification.timeLimit = specification.timeLimit ?? queue?.defaultTime ?? queue?.maximumTime
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
        var unlocks = true
        while unlocks {
            let plan = plan(cluster, at: now)
            unlocks = isAwaited(plan.starts)
            for start in plan.starts {
                record(.started(start.attempt, start.decision), at: now)
                sendStart(start.attempt)
            }
            if let time = plan.nextTime { next = min(next ?? time, time) }
        }
        for heard in sessions.values.compactMap(\.lastHeard) {
            let time = heard + timing.lostAfter
            next = min(next ?? time, time)
        }
        return next
    }

    /// Whether a job waits for one of these starts, so that it may start as well.
    private func isAwaited(_ starts: [Plan.Start]) -> Bool {
        let started = Set(starts.map(\.attempt.id.task.job))
        return !started.isEmpty
            && cluster.queueOrder.contains { place in
                cluster.jobs[place.job]?.waitsFor.contains { $0.condition == .started && started.contains($0.job) }
                    == true
            }
    }

    private mutating func loseSilentNodes(at now: Timestamp) {
        for (name, session) in sessions.sorted(by: { $0.key < $1.key }) {
            guard let heard = session.lastHeard, heard + timing.lostAfter <= now else { continue }
            sessions[name]?.lastHeard = nil
            guard let node = cluster.nodes[name], node.isUp else { continue }
            record(.nodeLost(name), at: now)
            let silent = AttemptEnd(
                cause: .nodeLost, message: "Node \(name) was not heard for \(timing.lostAfter.text).", endTime: now)
            for id in node.given.keys.sorted() where cluster.state(of: id) != nil { end(id, silent, at: now) }
        }
    }

    /// Ends jobs that can no longer start: their dependency failed, or their deadline has passed. What was started in
    /// time and waits for another attempt goes on.
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
                let tasks: IndexRanges
                if let dependency = job.failedDependency {
                    outcome = Outcome(
                        state: .failed, reason: .dependencyFailed,
                        message: "Job \(dependency.job) ended without having \(dependency.condition.past).")
                    tasks = IndexRanges(waitingTasks(of: job))
                } else if let deadline = job.specification.deadline, !job.untouched.isEmpty {
                    guard deadline <= now else {
                        next = min(next ?? deadline, deadline)
                        continue
                    }
                    outcome = Outcome(
                        state: .failed, reason: .policy, message: "It had not started by its deadline \(deadline).")
                    tasks = job.untouched
                } else {
                    continue
                }
                record(.tasksEnded(job: job.id, tasks: tasks, outcome, by: "berth"), at: now)
                again = true  // It may have been somebody's dependency.
            }
        }
        return next
    }
}

extension Job.Tally {
    /// How the job has ended, given the event that ended its last task.
    fileprivate func state(after event: ClusterEvent) -> EndState {
        var tally = self
        switch event {
        case .attemptEnded(_, _, then: .ended(let outcome)): tally.count(outcome.state, 1)
        case .tasksEnded(_, let tasks, let outcome, by: _): tally.count(outcome.state, tasks.count)
        default: break
        }
        return tally.state
    }
}

extension TaskState {
    /// Whether the attempt's process is known to have started.
    fileprivate var isLaunchKnown: Bool {
        switch self {
        case .running, .stopping(_, _, since: .some): true
        case .waiting, .starting, .stopping(_, _, since: nil): false
        }
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
///
/// What cannot be read now is an error, never an answer: a used key taken for a new one would run a job twice.
public protocol History {
    func submission(_ key: Dispatcher.SubmissionKey) throws(Refusal) -> PastSubmission?
    func endState(of job: Job.ID) throws(Refusal) -> EndState?
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
