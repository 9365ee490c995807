/// How a cluster orders and limits its jobs, beside its queues.
public struct PlanningConfiguration: Hashable, Sendable, Codable {
    public var priority = PriorityWeights()
    public var fairShare = FairShare()
    public var backfill = Backfill()
    /// By project; a project that is not here has no quota: all that it holds is borrowed.
    public var quotas: [Quota] = []
    public var reservations: [MaintenanceReservation] = []
    public var successors = Successors()

    public init() {}

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        priority = try container.decode(PriorityWeights.self, forKey: .priority)
        fairShare = try container.decode(FairShare.self, forKey: .fairShare)
        backfill = try container.decode(Backfill.self, forKey: .backfill)
        quotas = try container.decode([Quota].self, forKey: .quotas)
        reservations = try container.decode([MaintenanceReservation].self, forKey: .reservations)
        // Earlier journals have none of these.
        successors = try container.decodeIfPresent(Successors.self, forKey: .successors) ?? successors
    }

    public func quota(of project: String) -> Quota? { quotas.first { $0.project == project } }

    /// How much each part counts in a job's priority; each part is between 0 and 1.
    public struct PriorityWeights: Hashable, Sendable, Codable {
        /// Of how little the job's user and project have used lately.
        public var fairShare: Double
        /// Of how long the job has waited, against how long it will run and how much it takes.
        public var wait: Double

        public init(fairShare: Double = 1, wait: Double = 1) {
            self.fairShare = fairShare
            self.wait = wait
        }
    }

    /// What use counts, and how fast it is forgotten.
    public struct FairShare: Hashable, Sendable, Codable {
        /// After so long, use counts half.
        @Microseconds public var halfLife: Duration
        /// Parts of the cluster by project; 1 for those that are not here.
        public var projectShares: [String: Double]

        public init(halfLife: Duration = .seconds(7 * 86_400), projectShares: [String: Double] = [:]) {
            self.halfLife = halfLife
            self.projectShares = projectShares
        }
    }

    public struct Backfill: Hashable, Sendable, Codable {
        /// Jobs that cannot start and get a reservation which later ones must not delay: 1 is EASY backfill, and as
        /// many as jobs wait is conservative.
        public var depth: Int

        public init(depth: Int = 4) { self.depth = depth }
    }

    /// How far ahead a node is told which task of a job of short tasks takes over what one of them holds.
    public struct Successors: Hashable, Sendable, Codable {
        /// So much work waits behind a task at the most; at zero, none.
        @Microseconds public var ahead: Duration
        /// So many tasks do, however short they are.
        public var most: Int
        /// Behind a task that holds its resources for longer than this nothing waits any more.
        @Microseconds public var patience: Duration

        public init(ahead: Duration = .milliseconds(10), most: Int = 8, patience: Duration = .seconds(1)) {
            self.ahead = ahead
            self.most = most
            self.patience = patience
        }
    }

    /// What a project may hold at a time before it borrows.
    public struct Quota: Hashable, Sendable, Codable {
        public var project: String
        public var cores: Int
        public var gpus: Int
        /// Whether others may have what the project does not use.
        public var lends: Bool
        /// Whether the project may have what others do not use.
        public var borrows: Bool

        public init(project: String, cores: Int, gpus: Int = 0, lends: Bool = true, borrows: Bool = true) {
            self.project = project
            self.cores = cores
            self.gpus = gpus
            self.lends = lends
            self.borrows = borrows
        }
    }

    /// Nodes that must be empty for a time. No job starts there that may still run when it begins.
    public struct MaintenanceReservation: Hashable, Sendable, Codable {
        public var name: String
        public var nodes: Expression
        public var start: Timestamp
        public var end: Timestamp

        public init(name: String, nodes: Expression, start: Timestamp, end: Timestamp) {
            self.name = name
            self.nodes = nodes
            self.start = start
            self.end = end
        }
    }
}
