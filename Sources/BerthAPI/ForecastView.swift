public import BerthModel

/// Between these times a job starts with a certain probability.
public struct BandView: Codable, Sendable, Hashable {
    @Nullable public var from: String?
    /// null is beyond 30 days.
    @Nullable public var to: String?

    public init(from: String?, to: String?) {
        self.from = from
        self.to = to
    }
}

/// When a job would start with one change of its request.
public struct AlternativeView: Codable, Sendable, Hashable {
    public var start: String
    /// gpus, cores, memory, locality, constraints, exclusive, nodes, queue, time
    public var change: String
    /// As it is written on the command line: `--gpus 3`.
    public var option: String

    public init(start: String, change: String, option: String) {
        self.start = start
        self.change = change
        self.option = option
    }
}

/// How well past starts were predicted.
public struct CalibrationView: Codable, Sendable, Hashable {
    /// Starts that were compared.
    public var jobs: Int
    /// By the band's percent, "50": which part of the starts fell into it, 0 to 1.
    public var coverage: [String: Double]
    @Nullable public var medianErrorSeconds: Double?

    public init(jobs: Int, coverage: [String: Double], medianErrorSeconds: Double?) {
        self.jobs = jobs
        self.coverage = coverage
        self.medianErrorSeconds = medianErrorSeconds
    }
}

/// What `POST /api/v1/whatif` takes beside `submit`, a list of descriptions in the form of a job file.
public struct WhatIfRequest: Codable, Sendable, Hashable {
    @Nullable public var addNode: AddedNode?
    @Nullable public var removeNode: String?
    /// Queues and planning policy in place of the present ones.
    @Nullable public var configuration: ClusterConfiguration?

    /// So many nodes like one that is there, or like one that is described.
    public struct AddedNode: Codable, Sendable, Hashable {
        @Nullable public var like: String?
        @Nullable public var registration: NodeRegistration?
        public var count: Int

        public init(like: String? = nil, registration: NodeRegistration? = nil, count: Int = 1) {
            self.like = like
            self.registration = registration
            self.count = count
        }
    }

    public init(
        addNode: AddedNode? = nil, removeNode: String? = nil, configuration: ClusterConfiguration? = nil
    ) {
        self.addNode = addNode
        self.removeNode = removeNode
        self.configuration = configuration
    }
}

/// What a supposition would change for everybody who waits.
public struct WhatIfView: Codable, Sendable, Hashable {
    public var jobs: [Change]
    /// Attempts that run now and would be stopped for others.
    public var preempted: [String]
    /// Whether a forecast had to end before its 30 days, because it would have been too much work.
    public var forecastIsCut: Bool

    /// One job's expected start without and with it.
    public struct Change: Codable, Sendable, Hashable {
        public var job: String
        public var name: String
        public var user: String
        /// earlier, later, same or new
        public var direction: String
        /// null is beyond 30 days, or never by itself.
        @Nullable public var before: String?
        @Nullable public var after: String?
        /// Seconds from the one to the other, negative where it is earlier; null where one has no time.
        @Nullable public var difference: Double?

        public init(
            job: String, name: String, user: String, direction: String, before: String?, after: String?,
            difference: Double?
        ) {
            self.job = job
            self.name = name
            self.user = user
            self.direction = direction
            self.before = before
            self.after = after
            self.difference = difference
        }
    }

    public init(jobs: [Change], preempted: [String], forecastIsCut: Bool) {
        self.jobs = jobs
        self.preempted = preempted
        self.forecastIsCut = forecastIsCut
    }
}

/// What planning again says of a recorded start.
public struct ReplayView: Codable, Sendable, Hashable {
    public var attempt: String
    public var identical: Bool
    /// The first thing that differs, as it was recorded and as it comes out now.
    @Nullable public var field: String?
    @Nullable public var recorded: String?
    @Nullable public var replayed: String?

    public init(
        attempt: String, identical: Bool, field: String? = nil, recorded: String? = nil, replayed: String? = nil
    ) {
        self.attempt = attempt
        self.identical = identical
        self.field = field
        self.recorded = recorded
        self.replayed = replayed
    }
}
