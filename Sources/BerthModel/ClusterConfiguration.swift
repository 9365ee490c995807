/// The queues of a cluster, and how their jobs are ordered.
public struct ClusterConfiguration: Hashable, Sendable, Codable {
    /// In the order of the configuration file.
    public var queues: [Queue]
    public var defaultQueue: String
    public var planning: PlanningConfiguration
    public var failures: FailureLimits

    public init(
        queues: [Queue] = Queue.shipped, defaultQueue: String = "batch",
        planning: PlanningConfiguration = PlanningConfiguration(), failures: FailureLimits = FailureLimits()
    ) {
        self.queues = queues
        self.defaultQueue = defaultQueue
        self.planning = planning
        self.failures = failures
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        queues = try container.decode([Queue].self, forKey: .queues)
        defaultQueue = try container.decode(String.self, forKey: .defaultQueue)
        // Journals from before it could be set do not have it.
        planning =
            try container.decodeIfPresent(PlanningConfiguration.self, forKey: .planning) ?? PlanningConfiguration()
        failures = try container.decodeIfPresent(FailureLimits.self, forKey: .failures) ?? FailureLimits()
    }

    public func queue(_ name: String) -> Queue? { queues.first { $0.name == name } }
}

/// A named class of jobs.
public struct Queue: Hashable, Sendable, Codable {
    public var name: String
    /// Jobs of a higher tier are looked at first.
    public var tier: Int
    /// Whether its jobs may be stopped for others; they are told ahead and run again later.
    public var isPreemptible: Bool
    /// Which nodes it may use; nil means all.
    public var nodes: Expression?
    /// Most tasks at a time that hold resources, for all and for each user.
    public var maximumRunning: Int?
    public var maximumRunningPerUser: Int?
    public var maximumRunningPerProject: Int?
    /// A job that runs is not preempted before it has run so long.
    public var minimumRunTime: Duration { minimumRunMicroseconds.map { .microseconds($0) } ?? .zero }
    private var minimumRunMicroseconds: Int64?
    /// Longest time limit a job may ask for, and the limit of those that ask for none.
    @OptionalMicroseconds public var maximumTime: Duration?
    @OptionalMicroseconds public var defaultTime: Duration?
    /// Longest time between notice and kill a job may ask for.
    @Microseconds public var maximumGrace: Duration

    public init(
        name: String, tier: Int, isPreemptible: Bool = false, nodes: Expression? = nil, maximumRunning: Int? = nil,
        maximumRunningPerUser: Int? = nil, maximumRunningPerProject: Int? = nil, minimumRunTime: Duration = .zero,
        maximumTime: Duration? = nil, defaultTime: Duration? = nil, maximumGrace: Duration = .seconds(600)
    ) {
        self.name = name
        self.tier = tier
        self.isPreemptible = isPreemptible
        self.nodes = nodes
        self.maximumRunning = maximumRunning
        self.maximumRunningPerUser = maximumRunningPerUser
        self.maximumRunningPerProject = maximumRunningPerProject
        minimumRunMicroseconds = minimumRunTime == .zero ? nil : minimumRunTime.microseconds
        self.maximumTime = maximumTime
        self.defaultTime = defaultTime
        self.maximumGrace = maximumGrace
    }

    /// What a cluster has that configures none.
    public static let shipped = [
        Queue(name: "urgent", tier: 100), Queue(name: "batch", tier: 50),
        Queue(name: "spot", tier: 10, isPreemptible: true),
    ]
}
