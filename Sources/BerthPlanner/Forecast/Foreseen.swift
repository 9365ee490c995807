public import BerthModel

/// What is known to come beside the ends of attempts, and what a forecast has to look up about jobs.
public struct Foreseen: Sendable {
    /// Tasks that get in line by themselves: their begin comes, or a backoff is over. Soonest first.
    public var arrivals: [Arrival] = []
    /// Jobs that leave the line unstarted: their deadline comes. Soonest first.
    public var departures: [Departure] = []
    /// Of arrays that run only so many tasks at a time: tasks that get in line one by one as others end.
    public var followers: [Job.ID: Int] = [:]
    /// Attempts that are being stopped and whose tasks wait again afterwards.
    public var comingBack: Set<AttemptID> = []
    /// The jobs that came last: a sample of those that are yet to come.
    public var past = Past()
    /// How earlier forecasts came out.
    public var record = ForecastRecord()
    /// Looks up a job that waits or runs.
    public var job: @Sendable (Job.ID) -> KnownJob?

    public init(job: @escaping @Sendable (Job.ID) -> KnownJob?) { self.job = job }

    public struct KnownJob: Sendable {
        public var submitTime: Timestamp
        public var terms: WaitingTerms

        public init(submitTime: Timestamp, terms: WaitingTerms) {
            self.submitTime = submitTime
            self.terms = terms
        }
    }

    public struct Arrival: Hashable, Sendable {
        public var time: Timestamp
        public var job: Job.ID
        public var tasks: Int

        public init(time: Timestamp, job: Job.ID, tasks: Int) {
            self.time = time
            self.job = job
            self.tasks = tasks
        }
    }

    /// All that came from some time on.
    public struct Past: Sendable {
        public let start: Timestamp
        /// The oldest first.
        let arrivals: [Arrival]

        public struct Arrival: Sendable {
            public var time: Timestamp
            public var terms: WaitingTerms
            public var tasks: Int

            public init(time: Timestamp, terms: WaitingTerms, tasks: Int) {
                self.time = time
                self.terms = terms
                self.tasks = tasks
            }
        }

        /// - Parameter arrivals: in any order; a clock may have been set back.
        public init(from start: Timestamp = .epoch, _ arrivals: [Arrival] = []) {
            let order = arrivals.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            self.arrivals = order.map(\.element)
            self.start = min(start, self.arrivals.first?.time ?? start)
        }
    }

    public struct Departure: Hashable, Sendable {
        public var time: Timestamp
        public var job: Job.ID

        public init(time: Timestamp, job: Job.ID) {
            self.time = time
            self.job = job
        }
    }
}
