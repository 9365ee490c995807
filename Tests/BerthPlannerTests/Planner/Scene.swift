import BerthModel
import BerthPlanner

/// A cluster as the planner is told of it: the words that scenes about plans are told with. Each change is told to
/// `planner` at once; `newPlanner` is told of everything afresh.
struct Scene {
    let configuration: ClusterConfiguration
    private(set) var planner: Planner
    var now = Timestamp(microseconds: 1_800_000_000_000_000)
    /// The nodes alone, empty; it knows of no jobs.
    private var machines = Cluster()
    private(set) var running: [NodeName: [RunningAttempt]] = [:]
    private(set) var jobs: [Job.ID: SceneJob] = [:]
    private var nextJob: UInt64 = 1

    /// A job with tasks that wait or run.
    struct SceneJob {
        var terms: WaitingTerms
        var submitTime: Timestamp
        var waiting: Int
        /// Tasks that were preempted and wait again.
        var returning = 0
        var attempts = 0
    }

    init(_ configuration: ClusterConfiguration = ClusterConfiguration()) {
        self.configuration = configuration
        planner = Planner(configuration)
    }

    // MARK: - Nodes

    var nodeNames: [NodeName] { machines.nodes.keys.sorted() }

    func emptyNode(_ name: NodeName) -> Node? { machines.nodes[name] }

    /// A node with all that it has given.
    func node(_ name: NodeName) -> Node? {
        guard var node = machines.nodes[name] else { return nil }
        for attempt in running[name] ?? [] { node.take(attempt.allocation) }
        return node
    }

    mutating func join(_ registrations: NodeRegistration...) throws {
        for registration in registrations { try change(registration.name, .nodeJoined(registration)) }
    }

    mutating func change(_ name: NodeName, _ event: ClusterEvent) throws {
        try machines.apply(event, at: now)
        tell(of: name)
    }

    private mutating func tell(of name: NodeName) {
        guard let node = node(name) else { return }
        planner.put(node, running: running[name] ?? [], at: now)
    }

    // MARK: - Jobs

    @discardableResult mutating func submit(_ terms: WaitingTerms, tasks: Int = 1) -> Job.ID {
        let id = Job.ID(nextJob)
        nextJob += 1
        jobs[id] = SceneJob(terms: terms, submitTime: now, waiting: tasks)
        tell(of: id)
        return id
    }

    mutating func withdraw(_ id: Job.ID) {
        jobs[id]?.waiting = 0
        jobs[id]?.returning = 0
        planner.withdraw(id)
    }

    /// Gives the job other terms while it waits.
    mutating func change(_ id: Job.ID, to terms: WaitingTerms) {
        jobs[id]?.terms = terms
        tell(of: id)
    }

    mutating func tell(of id: Job.ID) { Self.tell(&planner, of: id, jobs[id], at: now) }

    private static func tell(_ planner: inout Planner, of id: Job.ID, _ job: SceneJob?, at now: Timestamp) {
        guard let job else { return }
        var returning = job.terms
        returning.isReturning = true
        let (id, time) = (id, job.submitTime)
        planner.put(WaitingJob(id: id, submitTime: time, tasks: job.waiting), job.terms, at: now)
        planner.put(WaitingJob(id: id, submitTime: time, tasks: job.returning), returning, at: now)
    }

    var waitingJobs: [Job.ID] { jobs.filter { $0.value.waiting + $0.value.returning > 0 }.keys.sorted() }

    // MARK: - Attempts

    /// Every attempt once, a gang's by its first node.
    var attempts: [RunningAttempt] {
        var seen: Set<AttemptID> = []
        return nodeNames.flatMap { running[$0] ?? [] }.filter { seen.insert($0.id).inserted }
    }

    mutating func end(_ id: AttemptID, returns: Bool = false) {
        let places = nodeNames.filter { running[$0]?.contains { $0.id == id } == true }
        for name in places {
            running[name]?.removeAll { $0.id == id }
            tell(of: name)
        }
        guard returns, !places.isEmpty else { return }
        jobs[id.task.job]?.returning += 1
        tell(of: id.task.job)
    }

    mutating func stop(_ id: AttemptID) { edit(id) { $0.isStopping = true } }

    mutating func edit(_ id: AttemptID, _ change: (inout RunningAttempt) -> Void) {
        for name in nodeNames where running[name]?.contains(where: { $0.id == id }) == true {
            running[name] = running[name]?.map { $0.id == id ? $0.changed(change) : $0 }
            tell(of: name)
        }
    }

    // MARK: - Plans

    /// The plan of the planner that has followed all along.
    mutating func plan(_ facts: PlanningFacts = PlanningFacts()) -> Plan { planner.plan(facts, at: now) }

    /// A planner that has just been told of everything, in a random order.
    func newPlanner(using random: inout SeededGenerator, of isTold: (Job.ID) -> Bool = { _ in true }) -> Planner {
        var planner = Planner(configuration)
        var tales: [(inout Planner) -> Void] = nodeNames.compactMap { name in
            node(name).map { node in { $0.put(node, running: running[name] ?? [], at: now) } }
        }
        tales += waitingJobs.filter(isTold).map { id in { Self.tell(&$0, of: id, jobs[id], at: now) } }
        for tale in tales.shuffled(using: &random) { tale(&planner) }
        return planner
    }

    /// Makes true what a plan decides. A start that `fails` says so of gives everything back.
    mutating func carryOut(_ plan: Plan, fails: (Plan.Start) -> Bool = { _ in false }) {
        for start in plan.starts { begin(start, fails: fails(start)) }
        for victim in plan.preemptions.flatMap(\.victims) { stop(victim) }
    }

    private mutating func begin(_ start: Plan.Start, fails: Bool) {
        guard var job = jobs[start.job] else { return }
        if fails {
            for allocation in start.allocations { tell(of: allocation.node) }
            tell(of: start.job)
            return
        }
        if start.isReturning { job.returning -= 1 } else { job.waiting -= 1 }
        job.attempts += 1
        jobs[start.job] = job
        let queue = configuration.queue(job.terms.queue)
        for allocation in start.allocations {
            running[allocation.node, default: []].append(
                RunningAttempt(
                    id: AttemptID(task: TaskID(job: start.job), number: job.attempts), allocation: allocation,
                    countsAsTask: allocation.node == start.allocations.first?.node, queue: job.terms.queue,
                    user: job.terms.user, project: job.terms.project, tier: queue?.tier ?? 0,
                    isPreemptible: queue?.isPreemptible ?? false, isBorrowing: start.isBorrowing, startTime: now,
                    expectedTime: start.expectedTime, timeLimit: job.terms.timeLimit))
            tell(of: allocation.node)
        }
    }
}

extension RunningAttempt {
    fileprivate func changed(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        change(&copy)
        return copy
    }
}

extension WaitingTerms {
    /// A job of one shape.
    static func plain(
        _ request: ResourceRequest = ResourceRequest(), queue: String = "batch", user: String = "ada",
        project: String? = nil, expected: Duration? = nil, limit: Duration? = nil
    ) -> WaitingTerms {
        WaitingTerms(
            shapes: [TaskShape(request: request)], queue: queue, user: user, project: project, expectedTime: expected,
            timeLimit: limit)
    }
}

extension NodeRegistration {
    /// A machine whose NUMA nodes are alike; PUs are numbered core by core.
    static func machine(
        _ name: NodeName, packages: Int = 1, numaNodes: Int = 1, cores: Int = 4, threads: Int = 1,
        gibibytes: Int64? = 16, devices: [Device] = [], labels: [String: String] = [:]
    ) -> NodeRegistration {
        let all = (0..<numaNodes * cores).map { index in
            Inventory.Core(
                index: index, number: index, package: index / cores * packages / numaNodes, numaNode: index / cores,
                cpus: CPUSet(index * threads..<(index + 1) * threads))
        }
        func cpus(_ belongs: (Inventory.Core) -> Bool) -> CPUSet {
            all.filter(belongs).reduce(into: CPUSet()) { $0.formUnion($1.cpus) }
        }
        var registration = NodeRegistration(
            name: name, labels: labels,
            inventory: Inventory(
                packages: (0..<packages).map { number in .init(number: number, cpus: cpus { $0.package == number }) },
                numaNodes: (0..<numaNodes).map { number in
                    .init(number: number, cpus: cpus { $0.numaNode == number }, memoryBytes: gibibytes.map { $0 << 30 })
                },
                cores: all, cpus: cpus { _ in true }, devices: devices,
                memoryBytes: gibibytes.map { ($0 << 30) * Int64(numaNodes) }, architecture: "x86_64"))
        registration.inventoryDigest =
            "\(packages) \(numaNodes) \(cores) \(threads) \(gibibytes ?? 0) "
            + devices.map { "\($0.name) \($0.model ?? "") \($0.numaNodes) \($0.count)" }.joined(separator: ",")
        return registration
    }
}
