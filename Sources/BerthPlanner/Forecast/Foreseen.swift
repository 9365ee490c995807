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

    public struct Departure: Hashable, Sendable {
        public var time: Timestamp
        public var job: Job.ID

        public init(time: Timestamp, job: Job.ID) {
            self.time = time
            self.job = job
        }
    }
}
