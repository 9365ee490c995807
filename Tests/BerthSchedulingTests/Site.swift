import BerthModel
import BerthPlanner
import BerthScheduling

/// A small cluster in the making: the words that scenes about the planner are told with.
struct Site {
    private(set) var cluster = Cluster()
    private var clock: Int64 = 0

    init(_ machines: NodeRegistration..., queues: [Queue] = Queue.shipped) throws {
        try apply(.configured(ClusterConfiguration(queues: queues)))
        for machine in machines { try apply(.nodeJoined(machine)) }
    }

    mutating func apply(_ event: ClusterEvent, at time: Timestamp = .epoch) throws {
        try cluster.apply(event, at: time)
    }

    /// A job that waits, submitted a little later than the one before.
    mutating func pending(
        _ resources: ResourceRequest = ResourceRequest(), queue: String = "batch", user: String = "ada",
        at time: Timestamp? = nil, _ change: (inout JobSpecification) -> Void = { _ in }
    ) throws -> Job.ID {
        clock += 1
        let submission = Submission.plain(
            cluster.nextJob, resources, queue: queue, user: user, at: time ?? Timestamp(microseconds: clock), change)
        try apply(.submitted(submission), at: time ?? .epoch)
        return submission.id
    }

    func plan(at now: Timestamp = .epoch) -> ClusterPlan { BerthScheduling.plan(cluster, at: now) }

    /// Makes everything start that can.
    mutating func settle(at now: Timestamp = .epoch) throws {
        for start in plan(at: now).starts { try apply(.started(start.attempt, start.decision)) }
    }

    /// What a job would be given that comes now, and is given; nil where it waits.
    mutating func given(_ resources: ResourceRequest, _ change: (inout JobSpecification) -> Void = { _ in }) throws
        -> Allocation?
    {
        let job = try pending(resources, change)
        try settle()
        return cluster.task(TaskID(job: job))?.state.attempt?.allocation
    }

    mutating func ended(_ job: Job.ID, then disposition: ClusterEvent.Disposition? = nil) throws {
        guard let attempt = cluster.task(TaskID(job: job))?.state.attempt else { return }
        let end = AttemptEnd(cause: .exit, exitCode: 0, endTime: .epoch)
        let succeeded = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
        try apply(.attemptEnded(attempt: attempt.id, end, then: disposition ?? .ended(succeeded)))
    }

    func reasons(_ job: Job.ID, at now: Timestamp = .epoch) -> [WaitReason] {
        cluster.jobs[job].map { waitReasons(for: $0, in: cluster, at: now) } ?? []
    }

    /// What each node lacks for the job's first shape.
    func shortfalls(_ job: Job.ID) -> [NodeName: [Shortfall]] {
        for case .resources(shape: 0, let nodes) in reasons(job) {
            return Dictionary(nodes.map { ($0.node, $0.shortfalls) }, uniquingKeysWith: +)
        }
        return [:]
    }
}

extension ClusterPlan {
    var jobs: [Job.ID] { starts.map(\.attempt.id.task.job) }
    var allocations: [Allocation] { starts.map(\.attempt.allocation) }
}

extension Submission {
    static func plain(
        _ id: Job.ID, _ resources: ResourceRequest = ResourceRequest(), queue: String = "batch", user: String = "ada",
        at time: Timestamp = .epoch, _ change: (inout JobSpecification) -> Void = { _ in }
    ) -> Submission {
        let specification = JobSpecification.plain(resources, queue: queue, change)
        return Submission(
            id: id, specification: specification, user: user, submitTime: time, key: "key\(id)", contentDigest: "",
            unmetDependencies: specification.dependencies)
    }
}

extension JobSpecification {
    static func plain(
        _ resources: ResourceRequest = ResourceRequest(), queue: String = "batch",
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) -> JobSpecification {
        var specification = JobSpecification(name: "job", command: ["true"], workingDirectory: "/", queue: queue)
        specification.resources = resources
        change(&specification)
        return specification
    }
}

extension NodeRegistration {
    /// A machine whose NUMA nodes are alike; PUs are numbered core by core.
    static func machine(
        _ name: NodeName, packages: Int = 1, numaNodes: Int = 1, cores: Int = 4, threads: Int = 1,
        gibibytes: Int64? = 16, devices: [Device] = [], links: [Inventory.DeviceLink] = [],
        labels: [String: String] = [:]
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
                cores: all, cpus: cpus { _ in true }, devices: devices, links: links,
                memoryBytes: gibibytes.map { ($0 << 30) * Int64(numaNodes) }, architecture: "x86_64",
                instructionSets: ["avx2"]))
        registration.inventoryDigest = "\(packages) \(numaNodes) \(cores) \(threads) \(devices.map(\.name))"
        return registration
    }
}

extension Device {
    static func gpu(_ number: Int, _ model: String = "NVIDIA H100", gibibytes: Int64 = 80, near numaNode: Int? = nil)
        -> Device
    {
        Device(
            name: "gpu\(number)", kind: "gpu", model: model, memoryBytes: gibibytes << 30,
            numaNodes: numaNode.map { [$0] } ?? [])
    }

    static func qsim(_ number: Int = 0, qubits: Double = 30, count: Int = 1, near numaNode: Int? = nil) throws -> Device
    {
        Device(
            name: "qsim\(number)", kind: "qsim", numaNodes: numaNode.map { [$0] } ?? [], count: count,
            attributes: ["maxQubits": .number(qubits), "precision": .text("double")],
            memoryRule: try MemoryRule("16 * 2^qubits"), isDeclared: true)
    }
}

extension ResourceRequest {
    static func cores(_ count: Int, gibibytes: Int64? = nil, _ locality: Locality.Level = .node) -> ResourceRequest {
        ResourceRequest(cpus: count, memoryBytes: gibibytes.map { $0 << 30 }, locality: Locality(locality))
    }

    static func gpus(
        _ thousandths: Int, models: [String] = [], gibibytes: Int64? = nil, link: Inventory.DeviceLink.Kind? = nil
    ) -> ResourceRequest {
        ResourceRequest(
            gpus: GPURequest(
                thousandths: thousandths, models: models, memoryBytes: gibibytes.map { $0 << 30 }, link: link))
    }

    static func qsim(_ qubits: Double, count: Int = 1, cores: Int = 1) -> ResourceRequest {
        ResourceRequest(cpus: cores, devices: [.qsim(qubits, count: count)])
    }
}

extension DeviceRequest {
    static func qsim(_ qubits: Double, count: Int = 1) -> DeviceRequest {
        DeviceRequest(kind: "qsim", count: count, attributes: ["qubits": .number(qubits)])
    }
}
