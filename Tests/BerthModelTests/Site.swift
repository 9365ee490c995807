import BerthModel

/// A small cluster in the making: the words that scenes are told with. Every word is an event, checked like any other.
struct Site {
    private(set) var cluster = Cluster()

    /// Nodes `n1`, `n2` …, each of two NUMA nodes with four cores and 16 GiB each, and one simulated quantum device.
    init(nodes: Int = 1) throws {
        try apply(.configured(ClusterConfiguration()))
        for number in 0..<nodes { try apply(.nodeJoined(.machine(NodeName("n\(number + 1)")))) }
    }

    mutating func apply(_ event: ClusterEvent, at time: Timestamp = .epoch) throws(IllegalTransition) {
        try cluster.apply(event, at: time)
    }

    mutating func submitted(
        tasks: Int? = nil, queue: String = "batch", user: String = "ada", project: String? = nil,
        at time: Timestamp = .epoch, after dependencies: [Dependency] = []
    ) throws -> Job.ID {
        let submission = Submission.plain(
            cluster.nextJob, tasks: tasks, queue: queue, user: user, project: project, at: time, after: dependencies)
        try apply(.submitted(submission))
        return submission.id
    }

    /// The next attempt of a task, on cores of a node.
    func attempt(
        _ job: Job.ID, _ index: Int? = nil, on node: NodeName = "n1", cores: Range<Int> = 0..<1, gibibytes: Int64 = 0,
        qsim: Int = 0
    ) -> Attempt {
        let task = TaskID(job: job, index: index)
        return Attempt(
            id: AttemptID(task: task, number: (cluster.task(task)?.attempts ?? 0) + 1), fence: cluster.nextFence,
            allocation: Allocation(
                node: node, cpus: CPUSet(cores), coreCount: cores.count,
                memory: gibibytes == 0 ? [] : [.init(numaNode: 0, bytes: gibibytes << 30)],
                devices: qsim == 0 ? [] : [.init(name: "qsim0", kind: "qsim", thousandths: qsim * 1000)]),
            plannedTime: .epoch)
    }

    mutating func started(
        _ job: Job.ID, _ index: Int? = nil, on node: NodeName = "n1", cores: Range<Int> = 0..<1, gibibytes: Int64 = 0,
        qsim: Int = 0, at time: Timestamp = .epoch
    ) throws -> AttemptID {
        let attempt = attempt(job, index, on: node, cores: cores, gibibytes: gibibytes, qsim: qsim)
        try apply(.started(attempt, .none), at: time)
        return attempt.id
    }

    mutating func running(_ job: Job.ID, _ index: Int? = nil, on node: NodeName = "n1", cores: Range<Int> = 0..<1)
        throws
        -> AttemptID
    {
        let attempt = try started(job, index, on: node, cores: cores)
        try apply(.launched(attempt: attempt, .plain))
        return attempt
    }

    mutating func ended(_ attempt: AttemptID, _ state: EndState = .succeeded, at time: Timestamp = .epoch) throws {
        try apply(
            .attemptEnded(attempt: attempt, .exit(state == .succeeded ? 0 : 1), then: .ended(.plain(state))), at: time)
    }

    mutating func waitsAgain(_ attempt: AttemptID, countsAsRetry: Bool = false) throws {
        try apply(
            .attemptEnded(
                attempt: attempt, .exit(1), then: .waits(notBefore: nil, countsAsRetry: countsAsRetry)))
    }

    func free(_ node: NodeName = "n1") -> FreeResources? { cluster.nodes[node]?.free }
}

extension NodeRegistration {
    static func machine(_ name: NodeName, cores: Int = 8, gibibytes: Int64 = 32, qsim: Int = 2) -> NodeRegistration {
        let half = cores / 2
        let numaNodes = [0..<half, half..<cores].enumerated().map { number, range in
            Inventory.NUMANode(number: number, cpus: CPUSet(range), memoryBytes: gibibytes << 29)
        }
        return NodeRegistration(
            name: name,
            inventory: Inventory(
                packages: [.init(number: 0, cpus: CPUSet(0..<cores))], numaNodes: numaNodes,
                cores: (0..<cores).map {
                    .init(index: $0, number: $0, package: 0, numaNode: $0 < half ? 0 : 1, cpus: [$0])
                },
                cpus: CPUSet(0..<cores), devices: [Device(name: "qsim0", kind: "qsim", count: qsim, isDeclared: true)],
                memoryBytes: gibibytes << 30, memorySource: .description),
            inventoryDigest: "\(cores) \(gibibytes) \(qsim)")
    }
}

extension Submission {
    static func plain(
        _ id: Job.ID, tasks: Int? = nil, queue: String = "batch", user: String = "ada", project: String? = nil,
        at time: Timestamp = .epoch, after dependencies: [Dependency] = []
    ) -> Submission {
        var specification = JobSpecification(name: "job\(id)", command: ["true"], workingDirectory: "/", queue: queue)
        specification.dependencies = dependencies
        specification.project = project
        specification.array = tasks.map { ArraySpecification(indices: IndexRanges(0..<$0)) }
        return Submission(
            id: id, specification: specification, user: user, submitTime: time, key: "key\(id)", contentDigest: "",
            unmetDependencies: dependencies)
    }
}

extension Decision {
    static let none = Decision(
        policy: "", saw: "", jobsAhead: 0, nodesConsidered: 0, candidates: [], rejected: [:])
}

extension Launch {
    static let plain = Launch(startTime: .epoch, bound: Binding(cpus: [0]))
}

extension AttemptEnd {
    static func exit(_ code: Int) -> AttemptEnd { AttemptEnd(cause: .exit, exitCode: code, endTime: .epoch) }
}

extension Outcome {
    static func plain(_ state: EndState) -> Outcome {
        Outcome(state: state, reason: state == .cancelled ? .cancelled : .exit)
    }
}
