public import BerthModel
public import BerthPlanner
import HeapModule

/// A planner that follows a cluster: told of each event, it hands on to `Planner` what that changed, so that a plan
/// costs what is new and not what is there.
public struct ClusterPlanner: Sendable {
    public internal(set) var planner: Planner
    private var touchedJobs: Set<Job.ID> = []
    private var touchedNodes: Set<NodeName> = []
    /// Where attempts have begun or ended since successors were last lined up.
    var passedNodes: Set<NodeName> = []
    /// Whether everything is to be told anew: the queues are others.
    private var isStale = false
    /// Jobs to look at again when a begin or a backoff is over.
    private var timers = Heap<Due>()
    /// Jobs with a deadline for their start.
    private var deadlines = Heap<Due>()
    /// Whether jobs that leave nodes out could run on others.
    private var avoidances: [Job.ID: Avoidance] = [:]

    private struct Due: Comparable, Sendable {
        var time: Timestamp
        var job: Job.ID

        static func < (left: Self, right: Self) -> Bool { (left.time, left.job) < (right.time, right.job) }
    }

    private struct Avoidance: Sendable {
        var nodes: [NodeName]
        /// How much memory the job asks for, if more than it did at first.
        var memoryBytes: Int64?
        var isPossible: Bool
    }

    public init(_ cluster: Cluster) {
        planner = Planner(cluster.configuration)
        touchEverything(of: cluster)
    }

    private mutating func touchEverything(of cluster: Cluster) {
        touchedJobs = Set(cluster.jobs.keys)
        touchedNodes = Set(cluster.nodes.keys)
    }

    // MARK: - Events

    /// Notes what an event changes.
    ///
    /// - Parameter cluster: as it is before the event.
    mutating func note(_ event: ClusterEvent, in cluster: Cluster) {
        if let job = event.job {
            touchedJobs.insert(job)
            touchedJobs.formUnion(cluster.dependents(of: job))
        }
        switch event {
        case .jobsHeld(let jobs, _), .familyReleased(_, let jobs): touchedJobs.formUnion(jobs)
        case .configured: isStale = true
        case .started(let attempt, _):
            // A successor takes nothing that is free.
            if attempt.predecessor == nil { touchedNodes.formUnion(attempt.allocations.map(\.node)) }
        case .launched(let attempt, _), .reported(let attempt, _), .stopping(let attempt, _, by: _),
            .memberEnded(let attempt, _, _), .attemptEnded(let attempt, _, then: _):
            if let live = cluster.state(of: attempt)?.attempt {
                touchedNodes.formUnion(live.allocations.map(\.node))
                passedNodes.formUnion(live.allocations.map(\.node))
            }
        case .staleAttemptEnded(_, let node, _), .nodeReturned(let node), .nodeLost(let node),
            .nodeDrained(let node, _),
            .nodeUndrained(let node, by: _):
            touchedNodes.insert(node)
        case .nodeJoined(let registration):
            touchedNodes.insert(registration.name)
            touchedJobs.formUnion(avoidances.keys)
            avoidances = [:]
        case .submitted, .foreseen, .reopened, .held, .released, .tasksEnded, .nodeFaulted: break
        }
    }

    /// Tells the planner of all that has changed.
    mutating func follow(_ cluster: Cluster, at now: Timestamp) {
        if isStale {
            self = ClusterPlanner(cluster)
        }
        while let due = timers.min, due.time <= now {
            timers.removeMin()
            touchedJobs.insert(due.job)
        }
        for name in touchedNodes {
            guard let node = cluster.nodes[name] else { continue }
            planner.put(node, running: Self.running(on: node, in: cluster), at: now)
        }
        for job in touchedJobs { follow(job, in: cluster, at: now) }
        touchedNodes = []
        touchedJobs = []
    }

    private mutating func follow(_ id: Job.ID, in cluster: Cluster, at now: Timestamp) {
        guard let job = cluster.jobs[id], job.hasWaitingTasks else {
            planner.withdraw(id)
            avoidances[id] = nil
            return
        }
        if let deadline = job.specification.deadline, !job.untouched.isEmpty {
            deadlines.insert(Due(time: deadline, job: id))
        }
        var ready = ReadyTasks(of: job, at: now)
        if job.isHeld || !job.waitsFor.isEmpty || job.failedDependency != nil { ready = ReadyTasks() }
        if let begin = job.specification.begin, begin > now {
            if ready.isAny { timers.insert(Due(time: begin, job: id)) }
            ready = ReadyTasks()
        } else if let retry = ready.nextRetry {
            timers.insert(Due(time: retry, job: id))
        }
        let room = max(0, job.parallelLimit - job.holding)
        let returning = min(ready.returning.count, room)
        let others = min(ready.again.count + ready.untouchedCount, room - returning)
        let avoided = avoided(by: job, in: cluster.configuration, at: now)
        if ready.isAny, let next = avoided.map(\.until).min() { timers.insert(Due(time: next, job: id)) }
        for (tasks, isReturning) in [(returning, true), (others, false)] {
            planner.put(
                WaitingJob(id: id, submitTime: job.submission.submitTime, tasks: tasks),
                WaitingTerms(
                    job, isReturning: isReturning, avoiding: avoided.map(\.node), in: cluster.configuration), at: now)
        }
    }

    /// The nodes that the job leaves out now, since they failed to start it; none if no other could run it.
    ///
    /// - Complexity: O(1); O(n) for n nodes when the job begins to leave another one out, which comes of a fault.
    mutating func avoided(by job: Job, in configuration: ClusterConfiguration, at now: Timestamp)
        -> [Job.AvoidedNode]
    {
        let avoided = job.avoided.filter { $0.until > now }
        guard !avoided.isEmpty else { return [] }
        let nodes = avoided.map(\.node)
        if let known = avoidances[job.id], known.nodes == nodes, known.memoryBytes == job.raisedMemoryBytes {
            return known.isPossible ? avoided : []
        }
        let shapes = job.specification.taskShapes(job.shapes, avoiding: nodes, in: configuration)
        let isPossible = planner.nearestMiss(for: shapes) == nil
        avoidances[job.id] = Avoidance(
            nodes: nodes, memoryBytes: job.raisedMemoryBytes, isPossible: isPossible)
        return isPossible ? avoided : []
    }

    private static func running(on node: Node, in cluster: Cluster) -> [RunningAttempt] {
        node.given.keys.sorted().compactMap { id in
            guard let job = cluster.jobs[id.task.job], let task = cluster.task(id.task),
                let attempt = task.state.attempt, attempt.id == id, !task.hasEnded(attempt, on: node.name),
                let allocation = node.given[id]
            else {
                // Given up with its node; what it holds is free when the agent says so.
                return node.given[id].map {
                    RunningAttempt(
                        id: id, allocation: $0, queue: "", user: "", isStopping: true, startTime: .epoch)
                }
            }
            let queue = cluster.configuration.queue(job.specification.queue)
            var start = attempt.plannedTime
            var isStopping = false
            switch task.state {
            case .running(_, let since): start = since
            case .stopping(_, _, let since):
                start = since ?? start
                isStopping = true
            case .waiting, .starting: break
            }
            return RunningAttempt(
                id: id, allocation: allocation,
                countsAsTask: task.gang.map { $0.firstLivingRank == attempt.rank(on: node.name) } ?? true,
                queue: job.specification.queue, user: job.submission.user,
                project: job.specification.project, tier: queue?.tier ?? 0,
                isPreemptible: queue?.isPreemptible ?? false, isBorrowing: attempt.isBorrowing, isStopping: isStopping,
                startTime: start, expectedTime: attempt.expectedTime,
                timeLimit: job.specification.timeLimit(in: queue), checkpointTime: task.checkpointTime)
        }
    }

    // MARK: - Plans

    /// What follows from what is true; the same as from a planner that has just been told of everything.
    mutating func plan(_ cluster: Cluster, at now: Timestamp) -> ClusterPlan {
        follow(cluster, at: now)
        let plan = planner.plan(PlanningFacts(cluster), at: now)
        var result = ClusterPlan(
            preemptions: plan.preemptions, reservations: plan.reservations, firstWaiting: plan.firstWaiting)
        var chosen: [Job.ID: TaskChoice] = [:]
        var fence = cluster.nextFence
        for start in plan.starts {
            guard let job = cluster.jobs[start.job], let allocation = start.allocations.first else { continue }
            var choice = chosen.removeValue(forKey: job.id) ?? TaskChoice(of: job, at: now)
            defer { chosen[job.id] = choice }
            guard let index = choice.next(isReturning: start.isReturning) else {
                preconditionFailure("a task that starts waits")
            }
            let number = (job.tasks[index]?.attempts ?? 0) + 1
            let attempt = Attempt(
                id: AttemptID(task: job.taskID(index), number: number), fence: fence, allocation: allocation,
                furtherAllocations: Array(start.allocations.dropFirst()), plannedTime: now,
                isBorrowing: start.isBorrowing, expectedTime: start.expectedTime)
            fence += 1
            result.starts.append(ClusterPlan.Start(attempt: attempt, decision: start.decision))
        }
        // Who waits for faster devices decides again when they were expected to be free.
        let recheck = plan.reservations.filter { $0.isChosen && $0.time > now }.map(\.time).min()
        result.nextTime = [timers.min?.time, recheck].compactMap { $0 }.min()
        return result
    }

    /// Takes jobs whose deadline has come, whether or not they still wait.
    ///
    /// - Returns: the next deadline.
    mutating func takeOverdue(at now: Timestamp) -> (jobs: [Job.ID], next: Timestamp?) {
        var jobs: [Job.ID] = []
        while let due = deadlines.min, due.time <= now {
            deadlines.removeMin()
            if jobs.last != due.job { jobs.append(due.job) }
        }
        return (jobs, deadlines.min?.time)
    }

    /// How near the fleet comes to tasks that none of its nodes could ever run.
    ///
    /// - Parameter requests: what to place in the place of the specification's own shapes.
    mutating func nearestMiss(
        for specification: JobSpecification, _ requests: [ResourceRequest]? = nil, in cluster: Cluster,
        at now: Timestamp
    ) -> (node: NodeName, shortfalls: [Shortfall])? {
        follow(cluster, at: now)
        return planner.nearestMiss(for: specification.taskShapes(requests, in: cluster.configuration))
    }
}

/// What a plan means for the cluster.
public struct ClusterPlan: Sendable {
    /// In the order in which they were decided.
    public var starts: [Start] = []
    public var preemptions: [Plan.Preemption] = []
    public var reservations: [Plan.Reservation] = []
    /// Who is first in the order of those that could start and do not, since there is no room.
    public var firstWaiting: Job.ID?
    /// When a waiting job may start for another reason than an event: its begin, the end of its backoff, or that faster
    /// devices are not free by when they should.
    public var nextTime: Timestamp?

    public struct Start: Sendable {
        public var attempt: Attempt
        public var decision: Decision
    }
}

/// Plans a cluster from nothing: what a planner that has followed it all along comes to as well.
public func plan(_ cluster: Cluster, at now: Timestamp) -> ClusterPlan {
    var planner = ClusterPlanner(cluster)
    return planner.plan(cluster, at: now)
}

/// A job's tasks that may start now.
private struct ReadyTasks {
    /// Those that were preempted, drained or lost; those that failed and are tried again.
    var returning: [Int] = []
    var again: [Int] = []
    var untouchedCount = 0
    /// Those whose backoff is not over, soonest first.
    var early: [(index: Int, notBefore: Timestamp, isReturning: Bool)] = []
    /// When the next backoff is over.
    var nextRetry: Timestamp?

    var isAny: Bool { untouchedCount > 0 || !returning.isEmpty || !again.isEmpty || nextRetry != nil }

    init() {}

    init(of job: Job, at now: Timestamp) {
        untouchedCount = job.untouched.count
        guard job.waitingAgain > 0 else { return }
        for (index, task) in job.tasks.sorted(by: { $0.key < $1.key }) {
            guard case .waiting(let notBefore) = task.state else { continue }
            if let notBefore, notBefore > now {
                nextRetry = min(nextRetry ?? notBefore, notBefore)
                early.append((index, notBefore, task.isReturning))
            } else if task.isReturning {
                returning.append(index)
            } else {
                again.append(index)
            }
        }
        early.sort { ($0.notBefore, $0.index) < ($1.notBefore, $1.index) }
    }
}

/// Which of a job's tasks start, one after the other.
struct TaskChoice {
    private var returning: [Int]
    private var again: [Int]
    private var againEarly: [Int]
    private var untouched: FlattenSequence<[Range<Int>]>.Iterator

    init(of job: Job, at now: Timestamp) {
        let ready = ReadyTasks(of: job, at: now)
        // Where the clock was set back, what was due when the planner was told of it may not seem so now.
        let early = ready.early.reversed()
        returning = early.filter(\.isReturning).map(\.index) + ready.returning.reversed()
        again = ready.again.reversed()
        againEarly = early.filter { !$0.isReturning }.map(\.index)
        untouched = job.untouched.makeIterator()
    }

    mutating func next(isReturning: Bool) -> Int? {
        isReturning ? returning.popLast() : again.popLast() ?? untouched.next() ?? againEarly.popLast()
    }
}

extension JobSpecification {
    /// - Parameters:
    ///   - requests: what to place in the place of its own shapes.
    ///   - avoided: nodes on which it is not to start.
    func taskShapes(
        _ requests: [ResourceRequest]? = nil, avoiding avoided: [NodeName] = [], in configuration: ClusterConfiguration
    ) -> [TaskShape] {
        // A pool's name is well formed wherever a node offers it, so that it needs no quoting of its own; nodes' names are.
        let offersPool = pool.flatMap { try? Expression("node.pools has \"\($0)\"") }
        let leavesOut = avoided.sorted().compactMap { try? Expression("node.name != \"\($0)\"") }
        let rule = PlacementRule(
            constraints: constraints + [offersPool].compactMap { $0 } + leavesOut, queue: queue,
            queueNodes: configuration.queue(queue)?.nodes)
        return (requests ?? shapes).map { TaskShape(request: $0, rule: rule) }
    }
}

extension PlanningFacts {
    public init(_ cluster: Cluster) {
        self.init(
            usage: cluster.usage, runTimes: cluster.runTimes, requests: cluster.requests, warmSlots: cluster.warmSlots)
    }
}

extension WaitingTerms {
    /// Those of a job like one that came some time ago.
    init(_ past: SubmissionHistory.Entry, in configuration: ClusterConfiguration) {
        let queue = configuration.queue(past.queue)
        let rule = PlacementRule(constraints: past.constraints, queue: past.queue, queueNodes: queue?.nodes)
        self.init(
            shapes: [TaskShape(request: past.request, rule: rule)], queue: past.queue, user: past.user,
            project: past.project, name: past.name, expectedTime: past.expectedTime,
            timeLimit: past.timeLimit ?? queue?.defaultTime ?? queue?.maximumTime)
    }

    init(
        _ job: Job, isReturning: Bool, avoiding avoided: [NodeName] = [], in configuration: ClusterConfiguration
    ) {
        let specification = job.specification
        self.init(
            shapes: specification.taskShapes(job.shapes, avoiding: avoided, in: configuration),
            queue: specification.queue,
            user: job.submission.user, project: specification.project, name: specification.name,
            expectedTime: specification.expectedTime,
            timeLimit: specification.timeLimit(in: configuration.queue(specification.queue)),
            pool: specification.pool, isReturning: isReturning)
    }
}
