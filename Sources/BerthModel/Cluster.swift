/// What is true of the whole cluster: the sum of its events. A value without a clock, a file or a socket, so that the
/// controller, the simulator and what-if hold the same thing.
///
/// Jobs that have ended are not here; the journal has them.
public struct Cluster: Hashable, Sendable, Codable {
    public private(set) var configuration = ClusterConfiguration()
    public internal(set) var jobs: [Job.ID: Job] = [:]
    public internal(set) var nodes: [NodeName: Node] = [:]
    /// Which jobs wait for a job.
    private var dependents: [Job.ID: Set<Job.ID>] = [:]
    /// Waiting jobs with a dependency that can no longer be met.
    public private(set) var hopeless: Set<Job.ID> = []
    /// What users and projects have used, and how long their jobs ran: what the planner learns from.
    public private(set) var usage = UsageLedger()
    public private(set) var runTimes = RunTimeKnowledge()
    public private(set) var requests = RequestHistory()
    public private(set) var submissions = SubmissionHistory()
    /// Where jobs that name a pool need not wait for it.
    public internal(set) var warmSlots = WarmSlots()
    /// How well it was foreseen when jobs would start.
    public internal(set) var forecasts = ForecastRecord()
    /// Which jobs are of which family, and how those do.
    public internal(set) var families = FamilyLedger()
    /// Tasks that hold resources, by queue and by queue and user.
    private var running: [String: Int] = [:]
    private var runningByUser: [QueueUser: Int] = [:]
    public private(set) var nextJob = Job.ID(1)
    public private(set) var nextFence: UInt64 = 1

    public init() {}

    private struct QueueUser: Hashable, Sendable, Codable {
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

    // MARK: - Jobs

    private func place(of job: Job) -> QueuePlace {
        let tier = configuration.queue(job.specification.queue)?.tier ?? 0
        return QueuePlace(tier: tier, time: job.submission.submitTime, job: job.id)
    }

    private mutating func insert(_ submission: Submission, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        let job = Job(submission)
        try require(jobs[job.id] == nil, event, "job \(job.id) exists already")
        jobs[job.id] = job
        families.join(job.id, job.family, at: time)
        if !job.isHeld { try putOnProbation(job.id, event, at: time) }
        for dependency in job.waitsFor { dependents[dependency.job, default: []].insert(job.id) }
        if nextJob <= job.id { nextJob = job.id.next }
        requests.observe(job.specification.resources)
        submissions.observe(submission, at: time)
    }

    private mutating func foresee(_ id: Job.ID, _ forecast: WaitForecast, _ event: ClusterEvent)
        throws(IllegalTransition)
    {
        try require(jobs[id] != nil, event, "there is no job \(id) that has not ended")
        try require(jobs[id]?.hasStarted == false, event, "job \(id) has started")
        forecasts.expect(id, forecast)
    }

    private mutating func start(_ attempt: Attempt, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        let id = attempt.id.task
        let index = id.index ?? 0
        let before = jobs[id.job]?.tasks[index]
        try require(jobs[id.job] != nil, event, "there is no job \(id.job) that has not ended")
        try require(attempt.fence >= nextFence, event, "fence \(attempt.fence) was given before")
        try require(attempt.id.number == (before?.attempts ?? 0) + 1, event, "attempts are numbered in order")
        if let before {
            try require(before.state.attempt == nil, event, "task \(id) holds resources already")
        } else {
            try require(jobs[id.job]?.untouched.contains(index) == true, event, "task \(id) does not wait")
        }
        let allocations = attempt.allocations
        if let predecessor = attempt.predecessor { try checkSuccession(of: attempt, behind: predecessor, event) }
        for (rank, allocation) in allocations.enumerated() {
            let node = nodes[allocation.node]
            try require(attempt.rank(on: allocation.node) == rank, event, "two members are on \(allocation.node)")
            try require(node?.isUp == true, event, "node \(allocation.node) is not up")
            try require(
                attempt.predecessor != nil || node?.free.covers(allocation) == true, event,
                "its resources are not free")
        }

        for allocation in allocations {
            try existing(allocation.node, event) { node in
                if let predecessor = attempt.predecessor {
                    return node.line(up: attempt.id, behind: predecessor, at: time)
                }
                node.free.take(allocation)
                node.given[attempt.id] = allocation
            }
        }
        nextFence = attempt.fence + 1
        forecasts.start(id.job, at: time)
        try existing(id.job, event) { job in
            job.untouched.remove(index)
            if before != nil { job.waitingAgain -= 1 }
            job.active += 1
            if attempt.predecessor != nil { job.successors += 1 }
            job.hasStarted = true
            job.tasks[index] = Job.Task(
                state: .starting(attempt), attempts: attempt.id.number, retries: before?.retries ?? 0,
                checkpointTime: before?.checkpointTime)
            job.tasks[index]?.checkpointNode = before?.checkpointNode
            job.tasks[index]?.losses = before?.losses ?? 0
            if attempt.isGang { job.tasks[index]?.gang = Job.Gang(size: attempt.worldSize) }
        }
        if attempt.predecessor == nil { count(attempt, by: 1, at: time) }
        resolve(id.job) { $0 == .started }
    }

    /// Counts what an attempt holds from now on, or no longer holds.
    mutating func count(_ attempt: Attempt, by change: Int, at time: Timestamp) {
        guard let job = jobs[attempt.id.task.job] else { return }
        count(job, by: change)
        charge(job, for: attempt, by: Double(change), at: time)
    }

    private mutating func count(_ job: Job, by change: Int) {
        running[job.specification.queue, default: 0] += change
        if running[job.specification.queue] == 0 { running[job.specification.queue] = nil }
        let user = QueueUser(queue: job.specification.queue, user: job.submission.user)
        runningByUser[user, default: 0] += change
        if runningByUser[user] == 0 { runningByUser[user] = nil }
    }

    /// Counts what the job's user and project hold from now on, or no longer hold.
    private mutating func charge(_ job: Job, for attempt: Attempt, by sign: Double, at time: Timestamp) {
        let account = job.specification.account
        usage.change(
            rate: sign * attempt.allocations.reduce(0) { $0 + UsageLedger.charge(for: $1) },
            of: [.project(account), .user(job.submission.user, project: account)], at: time,
            halfLife: configuration.planning.fairShare.halfLife)
    }

    private mutating func take(_ attempt: AttemptID, _ report: Report, _ event: ClusterEvent) throws(IllegalTransition)
    {
        try require(state(of: attempt) != nil, event, "\(attempt) is not live")
        guard report.checkpoint != nil else { return }
        try existing(attempt.task.job, event) { $0.tasks[attempt.task.index ?? 0]?.checkpointTime = report.time }
    }

    private mutating func launched(_ attempt: AttemptID, _ launch: Launch, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        guard let state = state(of: attempt) else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is not live")
        }
        if let rank = launch.rank, let gang = task(attempt.task)?.gang {
            try require(gang.members.indices.contains(rank), event, "it has no member of rank \(rank)")
        }
        var startTime: Timestamp? = launch.startTime
        if let live = state.attempt {
            noteStart(of: live, launch, at: time)
            noteSlot(of: live, launch, at: time)
        }
        if let rank = launch.rank, var gang = task(attempt.task)?.gang {
            gang.members[rank].startTime = launch.startTime
            startTime = gang.startTime
            try existing(attempt.task.job, event) { $0.tasks[attempt.task.index ?? 0]?.gang = gang }
        }
        guard let startTime else { return }
        let next: TaskState? =
            switch state {
            case .starting(let attempt): .running(attempt, since: startTime)
            // It had begun before it was recalled.
            case .stopping(let attempt, .recalled, since: nil): .running(attempt, since: startTime)
            case .stopping(let attempt, let reason, since: nil): .stopping(attempt, reason, since: startTime)
            case .waiting, .running, .stopping: nil
            }
        guard let next else { return }
        let node = state.attempt?.isGang == true ? nil : state.attempt?.allocation.node
        try existing(attempt.task.job, event) {
            $0.tasks[attempt.task.index ?? 0]?.state = next
            $0.tasks[attempt.task.index ?? 0]?.checkpointNode = node
        }
    }

    private mutating func stop(_ attempt: AttemptID, _ reason: StopReason, _ event: ClusterEvent)
        throws(IllegalTransition)
    {
        guard let state = state(of: attempt), let live = state.attempt else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is not live")
        }
        let since: Timestamp? =
            switch state {
            case .running(_, let since), .stopping(_, _, let since?): since
            case .waiting, .starting, .stopping: nil
            }
        try existing(attempt.task.job, event) {
            $0.tasks[attempt.task.index ?? 0]?.state = .stopping(live, reason, since: since)
        }
    }

    private mutating func end(
        _ attempt: AttemptID, rank: Int, _ memberEnd: AttemptEnd, _ event: ClusterEvent, at time: Timestamp
    ) throws(IllegalTransition) {
        guard let state = state(of: attempt), let live = state.attempt, var gang = task(attempt.task)?.gang else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is no live gang")
        }
        try require(gang.members.indices.contains(rank), event, "it has no member of rank \(rank)")
        try require(gang.members[rank].end == nil, event, "its member of rank \(rank) has ended")
        // On a lost node the process may live on: its resources are free only when the agent says so.
        let node = live.allocations[rank].node
        if nodes[node]?.isUp == true { free(attempt, on: node, at: time) }
        gang.members[rank].end = memberEnd
        if gang.failedRank == nil, !memberEnd.isSuccess, memberEnd.cause != .stopped {
            gang.failedRank = rank
            noteEnd(of: live, state, memberEnd, on: node, at: time)
        }
        try existing(attempt.task.job, event) { $0.tasks[attempt.task.index ?? 0]?.gang = gang }
    }

    private mutating func end(
        _ attempt: AttemptID, _ attemptEnd: AttemptEnd, _ disposition: ClusterEvent.Disposition, _ event: ClusterEvent,
        at time: Timestamp
    ) throws(IllegalTransition) {
        guard let state = state(of: attempt), let live = state.attempt else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is not live")
        }
        if let gang = task(attempt.task)?.gang { try require(gang.hasEnded, event, "a member of the gang lives") }
        let held = !isSuccessor(live)
        if held { count(live, by: -1, at: time) }
        // On a lost node the process may live on: its resources are free only when the agent says so.
        if !live.isGang, nodes[live.allocation.node]?.isUp == true { free(attempt, on: live.allocation.node, at: time) }
        let index = attempt.task.index ?? 0
        try existing(attempt.task.job, event) { job in
            job.active -= 1
            if !held { job.successors -= 1 }
            switch disposition {
            case .ended(let outcome):
                job.tasks[index] = nil
                job.ended.count(outcome.state, 1)
            case .waits(let notBefore, let countsAsRetry):
                job.tasks[index]?.state = .waiting(notBefore: notBefore)
                job.tasks[index]?.isReturning = !countsAsRetry
                job.tasks[index]?.gang = nil
                job.tasks[index]?.countLoss(attemptEnd, state)
                if let memory = job.memory(after: attemptEnd, of: live) { job.raisedMemoryBytes = memory }
                if countsAsRetry { job.tasks[index]?.retries += 1 }
                job.waitingAgain += 1
            }
        }
        if let job = jobs[attempt.task.job] {
            observe(attemptEnd, of: job, state, live)
            noteSlotEnd(of: live, job, at: time)
            if !live.isGang || attemptEnd.isSuccess {
                for node in live.allocations.map(\.node) { noteEnd(of: live, state, attemptEnd, on: node, at: time) }
            }
            count(disposition, attemptEnd, of: job, live, at: time)
            retire(job, at: time)
        }
    }

    private mutating func end(
        _ id: Job.ID, _ tasks: IndexRanges, _ outcome: Outcome, _ event: ClusterEvent, at time: Timestamp
    ) throws(IllegalTransition) {
        guard let job = jobs[id] else {
            throw IllegalTransition(event: event.name, problem: "there is no job \(id) that has not ended")
        }
        let again = tasks.filter { job.tasks[$0] != nil }
        for index in again where job.tasks[index]?.state.attempt != nil {
            throw IllegalTransition(event: event.name, problem: "task \(job.taskID(index)) holds resources")
        }
        let isAll = tasks == job.untouched
        for index in isAll ? [] : tasks.filter({ job.tasks[$0] == nil }) where !job.untouched.contains(index) {
            throw IllegalTransition(event: event.name, problem: "task \(job.taskID(index)) does not wait")
        }
        try existing(id, event) { job in
            job.ended.count(outcome.state, tasks.count)
            if isAll {
                job.untouched = IndexRanges()
            } else {
                for index in tasks { job.untouched.remove(index) }
            }
            for index in again { job.tasks[index] = nil }
            job.waitingAgain -= again.count
        }
        if let job = jobs[id] { retire(job, at: time) }
    }

    /// Learns how long a run took that came to its own end, or to its limit.
    private mutating func observe(_ end: AttemptEnd, of job: Job, _ state: TaskState, _ attempt: Attempt) {
        guard end.cause == .exit || end.cause == .timeLimit, case .running(_, let since) = state else { return }
        let seconds = max(0, (end.endTime - since).inSeconds)
        jobs[job.id]?.observe(ranSeconds: seconds)
        let models = Set(
            attempt.allocations.flatMap { nodes[$0.node]?.inventory.models(of: $0) ?? [] })
        runTimes.observe(
            job.specification.runTimeFeatures(
                user: job.submission.user, queue: configuration.queue(job.specification.queue)),
            ranSeconds: seconds, on: models.sorted(),
            stated: job.shapes.indices.contains(attempt.allocation.shape)
                ? job.shapes[attempt.allocation.shape].throughput : nil)
    }

    /// Forgets a job whose tasks have all ended, and tells those that wait for it.
    private mutating func retire(_ job: Job, at time: Timestamp) {
        guard !job.hasWaitingTasks, job.active == 0 else { return }
        jobs[job.id] = nil
        forecasts.withdraw(job.id, at: time)
        families.leave(job.id, job.family, at: time)
        hopeless.remove(job.id)
        for dependency in job.waitsFor { dependents[dependency.job]?.remove(job.id) }
        let state = job.ended.state
        resolve(job.id) { condition in
            switch condition {
            case .succeeded: state == .succeeded
            case .failed: state == .failed || state == .timedOut
            case .ended: true
            case .started: job.hasStarted
            }
        }
        for id in dependents.removeValue(forKey: job.id) ?? [] {
            guard var waiting = jobs.removeValue(forKey: id) else { continue }
            waiting.failedDependency = waiting.failedDependency ?? waiting.waitsFor.first { $0.job == job.id }
            if waiting.failedDependency != nil { hopeless.insert(id) }
            jobs[id] = waiting
        }
    }

    /// Strikes out the dependencies on `job` that are met now.
    private mutating func resolve(_ job: Job.ID, where isMet: (Dependency.Condition) -> Bool) {
        for id in dependents[job] ?? [] {
            guard var waiting = jobs.removeValue(forKey: id) else { continue }
            waiting.waitsFor.removeAll { $0.job == job && isMet($0.condition) }
            jobs[id] = waiting
            if !waiting.waitsFor.contains(where: { $0.job == job }) { dependents[job]?.remove(id) }
        }
        if dependents[job]?.isEmpty == true { dependents[job] = nil }
    }

    // MARK: - Nodes

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

    private mutating func free(_ attempt: AttemptID, on name: NodeName, at time: Timestamp) {
        guard var node = nodes.removeValue(forKey: name) else { return }
        let heir = node.release(attempt, at: time)
        nodes[name] = node
        if let heir { inherit(heir, at: time) }
    }

    private mutating func clear(
        _ attempt: AttemptID, from name: NodeName, _ event: ClusterEvent, at time: Timestamp
    ) throws(IllegalTransition) {
        try require(nodes[name]?.knows(attempt) == true, event, "\(attempt) is not on \(name)")
        if let live = state(of: attempt)?.attempt, let rank = live.rank(on: name) {
            let hasEnded = task(attempt.task)?.gang?.members[rank].end != nil
            try require(hasEnded, event, "\(attempt) is live")
        }
        free(attempt, on: name, at: time)
    }
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
