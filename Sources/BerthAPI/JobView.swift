public import BerthModel

/// A job as programs see it: what `berth show --json` prints and `/api/v1/jobs/ID` answers. Times are RFC 3339 in UTC
/// with microseconds, sizes bytes, durations seconds.
public struct JobView: Codable, Sendable, Hashable {
    public var id: String
    public var name: String
    public var state: JobState
    @Nullable public var reason: String?
    @Nullable public var message: String?
    /// Why Berth holds it by itself; null where it does not.
    @Nullable public var hold: String?
    @Nullable public var exitCode: Int?
    @Nullable public var signal: Int?
    public var user: String
    @Nullable public var project: String?
    public var queue: String
    public var labels: [String: String]
    public var submitTime: String
    @Nullable public var startTime: String?
    @Nullable public var endTime: String?
    public var nodes: [String]
    public var resources: ResourcesView
    public var alternatives: [ResourcesView]
    public var command: [String]
    @Nullable public var script: String?
    public var workingDirectory: String
    @Nullable public var timeLimit: Double?
    @Nullable public var expectedTime: Double?
    public var dependencies: [DependencyView]
    /// Of an array: its indices, and how many tasks are in which state.
    @Nullable public var array: String?
    @Nullable public var tasks: [String: Int]?
    public var attempts: [AttemptView]

    public struct DependencyView: Codable, Sendable, Hashable {
        public var job: String
        public var when: String
    }

    public init(_ record: JobRecord) {
        let specification = record.submission.specification
        id = record.id.description
        name = specification.name
        state = record.state
        reason = record.outcome?.reason.rawValue
        message = record.outcome?.message
        hold = record.hold
        exitCode = record.outcome?.exitCode
        signal = record.outcome?.signal
        user = record.submission.user
        project = specification.project
        queue = specification.queue
        labels = specification.labels
        submitTime = record.submission.submitTime.description
        startTime = record.startTime?.description
        endTime = record.endTime?.description
        nodes = record.nodes.map(\.text)
        resources = ResourcesView(specification.resources)
        alternatives = specification.alternatives.map(ResourcesView.init)
        command = specification.command
        script = specification.script
        workingDirectory = specification.workingDirectory
        timeLimit = specification.timeLimit?.inSeconds
        expectedTime = specification.expectedTime?.inSeconds
        dependencies = specification.dependencies.map {
            DependencyView(job: $0.job.description, when: $0.condition.rawValue)
        }
        let isArray = record.id.index == nil && specification.array != nil
        array = isArray ? specification.array?.indices.description : nil
        tasks = !isArray ? nil : Dictionary(uniqueKeysWithValues: record.tasks.map { ($0.key.rawValue, $0.value) })
        attempts = record.attempts.map(AttemptView.init)
    }
}

/// What was asked for.
public struct ResourcesView: Codable, Sendable, Hashable {
    public var cpus: Int
    public var threads: Bool
    @Nullable public var memory: Int64?
    @Nullable public var gpus: GPUsView?
    public var devices: [DeviceView]
    public var locality: String
    public var nodes: Int
    public var exclusive: Bool
    @Nullable public var throughput: [String: Double]?

    public struct GPUsView: Codable, Sendable, Hashable {
        public var count: Double
        @Nullable public var model: String?
        @Nullable public var memory: Int64?
        @Nullable public var link: String?
    }

    public struct DeviceView: Codable, Sendable, Hashable {
        public var kind: String
        public var count: Int
        public var attributes: [String: AttributeValue]
    }

    public init(_ request: ResourceRequest) {
        cpus = request.cpus
        threads = request.countsThreads
        memory = request.memoryBytes
        gpus = request.gpus.map {
            GPUsView(
                count: Double($0.thousandths) / Double(GPURequest.whole),
                model: $0.models.isEmpty ? nil : $0.models.joined(separator: "|"), memory: $0.memoryBytes,
                link: $0.link?.rawValue)
        }
        devices = request.devices.map { DeviceView(kind: $0.kind, count: $0.count, attributes: $0.attributes) }
        locality = request.locality.description
        nodes = request.nodes
        exclusive = request.isExclusive
        throughput = request.throughput?.rates
    }
}

/// One attempt: what it was granted, what the kernel says it is bound to, and how it ended.
public struct AttemptView: Codable, Sendable, Hashable {
    public var id: String
    public var number: Int
    public var state: AttemptRecord.State
    @Nullable public var reason: String?
    @Nullable public var message: String?
    @Nullable public var exitCode: Int?
    @Nullable public var signal: Int?
    public var node: String
    public var plannedTime: String
    /// The attempt whose resources it takes over; null where it was given what was free.
    @Nullable public var predecessor: String?
    @Nullable public var startTime: String?
    @Nullable public var endTime: String?
    @Nullable public var pid: Int?
    public var granted: GrantView
    @Nullable public var bound: BindingView?
    @Nullable public var usage: UsageView?
    /// How it was started, where its job names a pool.
    @Nullable public var pool: PoolUse?
    /// Of a gang, its members by rank; empty for all others.
    public var members: [MemberView]
    public var inputs: [FileView]
    public var outputs: [FileView]
    @Nullable public var progress: Double?
    @Nullable public var note: String?
    @Nullable public var checkpoint: String?
    public var metrics: [String: Double]
    @Nullable public var decision: Decision?

    public struct GrantView: Codable, Sendable, Hashable {
        public var cpuset: String
        public var cores: Int
        /// Bytes by NUMA node.
        public var memory: [String: Int64]
        public var numaNodes: [Int]
        public var devices: [Share]
        public var shape: Int
        public var exclusive: Bool

        public struct Share: Codable, Sendable, Hashable {
            public var name: String
            public var kind: String
            /// Instances; 0.5 is half a GPU.
            public var count: Double
        }
    }

    public struct BindingView: Codable, Sendable, Hashable {
        public var cpuset: String
        public var numaNodes: [Int]
        public var devices: [String]
        public var notes: [String]
    }

    public struct UsageView: Codable, Sendable, Hashable {
        public var cpuSeconds: Double
        public var userSeconds: Double
        public var systemSeconds: Double
        public var peakMemoryBytes: Int64
        public var readBytes: Int64
        public var writtenBytes: Int64
        /// The most that it held of its GPUs' memory, and what they used; null where no driver tells.
        @Nullable public var gpuMemoryPeakBytes: Int64?
        @Nullable public var gpuEnergyJoules: Double?
    }

    public struct MemberView: Codable, Sendable, Hashable {
        public var rank: Int
        public var node: String
        public var cpuset: String
        @Nullable public var startTime: String?
        @Nullable public var endTime: String?
        @Nullable public var reason: String?
        @Nullable public var exitCode: Int?
        @Nullable public var signal: Int?
        @Nullable public var message: String?
    }

    public struct FileView: Codable, Sendable, Hashable {
        public var path: String
        @Nullable public var sha256: String?
        @Nullable public var bytes: Int64?
        @Nullable public var problem: String?

        init(_ record: FileRecord) {
            path = record.path
            sha256 = record.sha256
            bytes = record.bytes
            problem = record.problem
        }
    }

    public init(_ record: AttemptRecord) {
        let allocation = record.attempt.allocation
        id = record.attempt.id.description
        number = record.attempt.id.number
        state = record.state
        reason = record.end?.cause.rawValue ?? record.stopReason?.rawValue
        message = record.end?.message
        exitCode = record.end?.exitCode
        signal = record.end?.signal
        node = allocation.node.text
        plannedTime = record.attempt.plannedTime.description
        predecessor = record.attempt.predecessor?.description
        startTime = record.launch?.startTime.description
        endTime = record.end?.endTime.description
        pid = record.launch?.processID
        granted = GrantView(
            cpuset: allocation.cpus.description, cores: allocation.coreCount,
            memory: Dictionary(allocation.memory.map { ("\($0.numaNode)", $0.bytes) }, uniquingKeysWith: +),
            numaNodes: allocation.memory.map(\.numaNode),
            devices: allocation.devices.map {
                GrantView.Share(name: $0.name, kind: $0.kind, count: Double($0.thousandths) / Double(GPURequest.whole))
            }, shape: allocation.shape, exclusive: allocation.isExclusive)
        bound = record.launch.map {
            BindingView(
                cpuset: $0.bound.cpus.description, numaNodes: $0.bound.numaNodes, devices: $0.bound.devices,
                notes: $0.bound.notes)
        }
        usage = record.end?.usage.map {
            UsageView(
                cpuSeconds: ($0.userCPUTime + $0.systemCPUTime).inSeconds, userSeconds: $0.userCPUTime.inSeconds,
                systemSeconds: $0.systemCPUTime.inSeconds, peakMemoryBytes: $0.peakMemoryBytes, readBytes: $0.readBytes,
                writtenBytes: $0.writtenBytes, gpuMemoryPeakBytes: $0.gpuMemoryPeakBytes,
                gpuEnergyJoules: $0.gpuEnergyJoules)
        }
        pool = record.launch?.pool
        members = record.members.enumerated().map { rank, member in
            MemberView(
                rank: rank, node: member.node.text,
                cpuset: record.attempt.allocations[rank].cpus.description,
                startTime: member.launch?.startTime.description, endTime: member.end?.endTime.description,
                reason: member.end?.cause.rawValue, exitCode: member.end?.exitCode, signal: member.end?.signal,
                message: member.end?.message)
        }
        inputs = record.launch?.inputs.map(FileView.init) ?? []
        outputs = record.end?.outputs.map(FileView.init) ?? []
        progress = record.latestReport?.progress
        note = record.latestReport?.note
        checkpoint = record.latestReport?.checkpoint
        metrics = record.latestReport?.metrics ?? [:]
        decision = record.decision
    }
}
