/// What one run of a workload came to: a seed, a window or a whole log.
public struct SimulationRun: Sendable {
    /// What tells the run from its siblings: `seed 42`, `window 1981`.
    public var label: String
    public var metrics: [Metric]
    /// When each job ran and on how much; nil where the protocol knows no time.
    public var schedule: Schedule?

    public init(label: String, metrics: [Metric], schedule: Schedule? = nil) {
        self.label = label
        self.metrics = metrics
        self.schedule = schedule
    }

    /// One figure, under its name in the contract.
    public struct Metric: Hashable, Sendable {
        public var name: String
        /// Where one name holds several figures: `unallocatedPercent` at `"100"` and `"130"`.
        public var key: String?
        public var value: Double

        public init(_ name: String, key: String? = nil, _ value: Double) {
            self.name = name
            self.key = key
            self.value = value
        }
    }

    public func value(_ name: String, key: String? = nil) -> Double? {
        metrics.first { $0.name == name && $0.key == key }?.value
    }
}

/// Who ran when, for a Gantt chart and a curve of what was in use.
public struct Schedule: Sendable {
    /// What the entries' widths count: `processors`, `GPUs`.
    public var unit: String
    /// How much there is, in `unit`.
    public var capacity: Double
    public var entries: [Entry]

    public init(unit: String, capacity: Double, entries: [Entry] = []) {
        self.unit = unit
        self.capacity = capacity
        self.entries = entries
    }

    public struct Entry: Hashable, Sendable {
        public var job: String
        /// Seconds from the start of the workload.
        public var start: Double
        public var end: Double
        /// How much of the capacity it held.
        public var width: Double
        /// The machine it ran on, where machines are told apart.
        public var machine: String?

        public init(job: String, start: Double, end: Double, width: Double, machine: String? = nil) {
            self.job = job
            self.start = start
            self.end = end
            self.width = width
            self.machine = machine
        }
    }
}

/// Why a trace cannot be read: where, what is wrong, and what would be right.
public struct TraceError: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}
