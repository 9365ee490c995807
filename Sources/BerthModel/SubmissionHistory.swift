/// The latest submissions with what the planner goes by of each: a sample of what is yet to come.
public struct SubmissionHistory: Hashable, Sendable, Codable {
    /// So many are kept. Jobs that are alike and come one upon the other count as one.
    public static let kept = 512
    /// What comes so soon after its like comes with it.
    private static let pause = Duration.seconds(60)
    /// What has been seen for less than this is not taken for the usual.
    private static let shortestSpan = Duration.seconds(3600)

    /// What a job asked for when it came; of one with alternatives the first shape.
    public struct Entry: Hashable, Sendable, Codable {
        public var time: Timestamp
        public var user: String
        public var project: String?
        public var name: String
        public var queue: String
        public var request: ResourceRequest
        public var constraints: [Expression]
        @OptionalMicroseconds public var expectedTime: Duration?
        @OptionalMicroseconds public var timeLimit: Duration?
        /// How many of its tasks may run at once, and of those that came with it.
        public var tasks: Int

        fileprivate init(_ submission: Submission, at time: Timestamp) {
            let job = submission.specification
            self.time = time
            user = submission.user
            project = job.project
            name = job.name
            queue = job.queue
            request = job.resources
            constraints = job.constraints
            expectedTime = job.expectedTime
            timeLimit = job.timeLimit
            tasks = min(job.taskIndices.count, job.array?.parallel ?? .max)
        }

        /// Whether the two differ in their times, names and tasks at the most.
        fileprivate func isLike(_ other: Self) -> Bool {
            var other = other
            (other.time, other.name, other.tasks) = (time, name, tasks)
            return self == other
        }
    }

    /// The newest last, and for a while up to twice as many as are kept.
    private var latest: [Entry] = []
    /// When the last job came.
    private var lastTime = Timestamp.epoch
    private var hasForgotten = false

    public init() {}

    /// The newest last.
    public var entries: ArraySlice<Entry> { latest.suffix(Self.kept) }

    /// Since when the entries are all that came; an hour ago at the latest, as long as none has been forgotten.
    public func start(at now: Timestamp) -> Timestamp {
        let first = entries.first?.time ?? now
        return hasForgotten ? first : min(first, now - Self.shortestSpan)
    }

    mutating func observe(_ submission: Submission, at time: Timestamp) {
        let entry = Entry(submission, at: time)
        if let last = latest.last, time - lastTime <= Self.pause, last.isLike(entry) {
            latest[latest.count - 1].tasks = min(last.tasks, .max - entry.tasks) + entry.tasks
        } else {
            latest.append(entry)
        }
        lastTime = time
        if latest.count > Self.kept { hasForgotten = true }
        // Half of them at a time: a submission costs the same however many are kept.
        if latest.count >= 2 * Self.kept { latest.removeFirst(Self.kept) }
    }
}
