import BerthModel
import BerthWorkloads

/// A history in the making, told in seconds from its start.
struct JournalScene {
    private var history = JournalHistory()
    private var lastJob: UInt64 = 0
    private var lastFence: UInt64 = 0
    private var attempts: [TaskID: Int] = [:]

    /// - Parameter cores: of each node; they are called `node1`, `node2` and so on.
    init(cores: [Int] = [4], _ configuration: ClusterConfiguration = ClusterConfiguration()) {
        tell(.configured(configuration), at: 0)
        for (place, count) in cores.enumerated() {
            tell(.nodeJoined(.plain("node\(place + 1)", cores: count)), at: 0)
        }
    }

    static func time(_ seconds: Double) -> Timestamp {
        Timestamp(microseconds: 1_800_000_000_000_000 + Int64(seconds * 1e6))
    }

    /// Hands an event on if it is of a kind that is asked for, as a reader of journals does.
    mutating func tell(_ event: ClusterEvent, at seconds: Double) {
        if JournalHistory.eventKinds.contains(event.name) { history.take(event, at: Self.time(seconds)) }
    }

    mutating func submitted(
        cores: Int = 1, queue: String = "batch", at seconds: Double, key: String? = nil,
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) -> Job.ID {
        lastJob += 1
        let id = Job.ID(lastJob)
        var specification = JobSpecification(name: "job", command: ["true"], workingDirectory: "/", queue: queue)
        specification.resources = ResourceRequest(cpus: cores)
        change(&specification)
        let submission = Submission(
            id: id, specification: specification, user: "ada", submitTime: Self.time(seconds), key: key ?? "\(id)",
            contentDigest: "", unmetDependencies: specification.dependencies)
        tell(.submitted(submission), at: seconds)
        return id
    }

    /// An attempt that ran in this time and ended its task, or did not count.
    mutating func ran(
        _ job: Job.ID, task index: Int? = nil, _ seconds: ClosedRange<Double>, cores: Range<Int> = 0..<1,
        on node: NodeName = "node1", stopped reason: StopReason? = nil, joules: Double? = nil
    ) {
        let id = began(job, task: index, at: seconds.lowerBound, cores: cores, on: node)
        if let reason { tell(.stopping(attempt: id, reason, by: "berth"), at: seconds.upperBound) }
        var end = AttemptEnd(
            cause: reason == nil ? .exit : .stopped, exitCode: reason == nil ? 0 : nil,
            endTime: Self.time(seconds.upperBound))
        if let joules {
            end.usage = Usage()
            end.usage?.gpuEnergyJoules = joules
        }
        let succeeded = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
        tell(
            .attemptEnded(
                attempt: id, end,
                then: reason == nil ? .ended(succeeded) : .waits(notBefore: nil, countsAsRetry: false)),
            at: seconds.upperBound)
    }

    /// An attempt that has not ended.
    @discardableResult
    mutating func began(
        _ job: Job.ID, task index: Int? = nil, at seconds: Double, cores: Range<Int> = 0..<1,
        on node: NodeName = "node1"
    ) -> AttemptID {
        let task = TaskID(job: job, index: index)
        attempts[task, default: 0] += 1
        lastFence += 1
        let attempt = Attempt(
            id: AttemptID(task: task, number: attempts[task, default: 1]), fence: lastFence,
            allocation: Allocation(node: node, cpus: CPUSet(cores), coreCount: cores.count),
            plannedTime: Self.time(seconds))
        let decision = Decision(
            policy: "made", saw: "", jobsAhead: 0, nodesConsidered: 1, candidates: [], rejected: [:])
        tell(.started(attempt, decision), at: seconds)
        tell(
            .launched(
                attempt: attempt.id, Launch(startTime: Self.time(seconds), bound: Binding(cpus: CPUSet(cores)))),
            at: seconds)
        return attempt.id
    }

    func simulate(_ policy: JournalPolicy = .berth, from: Double? = nil, until: Double? = nil) throws -> SimulationRun {
        try JournalWorkload(history, from: from.map(Self.time), until: until.map(Self.time))
            .simulate(policy, label: "history")
    }
}

extension SimulationRun {
    /// When each of a task's stretches began and ended, in order.
    func times(of task: String) -> [[Double]] {
        (schedule?.entries ?? []).filter { $0.job == task }.sorted { $0.start < $1.start }.map { [$0.start, $0.end] }
    }

    /// The most cores in use at a time, by node.
    var peaks: [String: Double] {
        let entries = schedule?.entries ?? []
        return entries.reduce(into: [:]) { peaks, entry in
            let together = entries.filter {
                $0.machine == entry.machine && $0.start <= entry.start && entry.start < $0.end
            }
            let cores = together.reduce(0) { $0 + $1.width }
            peaks[entry.machine ?? "", default: 0] = max(peaks[entry.machine ?? "", default: 0], cores)
        }
    }
}

extension NodeRegistration {
    fileprivate static func plain(_ name: String, cores: Int) -> NodeRegistration {
        let cpus = CPUSet(0..<cores)
        let inventory = Inventory(
            packages: [.init(number: 0, cpus: cpus)], numaNodes: [.init(number: 0, cpus: cpus, memoryBytes: 16 << 30)],
            cores: (0..<cores).map { .init(index: $0, number: $0, package: 0, numaNode: 0, cpus: [$0]) }, cpus: cpus,
            memoryBytes: 16 << 30)
        return NodeRegistration(name: NodeName(name), inventory: inventory, inventoryDigest: "\(cores)")
    }
}
