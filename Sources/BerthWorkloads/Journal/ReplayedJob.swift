import BerthModel

/// A recorded job with those of its tasks that are replayed, as it is submitted again.
struct ReplayedJob: Sendable {
    let submission: Submission
    let submitTime: Timestamp
    /// As submitted, less what would end tasks otherwise than they ended (retries, a deadline) and the dependencies.
    let specification: JobSpecification
    /// Dependencies on jobs that are replayed as well, by their places among them. Each was met when it was recorded;
    /// so what it takes is the other job's start or end, however that one ended.
    let dependencies: [(place: Int, condition: Dependency.Condition)]
    /// Those that were released. One that was not came after all that is replayed.
    let holds: [RecordedJob.Hold]
    /// By index, each with all its attempts; the last one ended it.
    let tasks: [Int: [RecordedAttempt]]

    /// - Parameter earliest: when everything had happened that it waited for and that is not replayed.
    init(
        _ job: RecordedJob, tasks: [Int: [RecordedAttempt]],
        dependencies: [(place: Int, condition: Dependency.Condition)], earliest: Timestamp?
    ) {
        submission = job.submission
        submitTime = job.submitTime
        self.dependencies = dependencies
        self.tasks = tasks
        holds = job.holds.filter { $0.end != nil }
        var specification = job.submission.specification
        specification.dependencies = []
        specification.retry = nil
        specification.deadline = nil
        specification.isHeld = holds.first?.start == job.submitTime
        specification.array?.indices = IndexRanges(tasks.keys.sorted())
        specification.array?.values = []
        if let earliest { specification.begin = max(earliest, specification.begin ?? earliest) }
        self.specification = specification
    }

    /// Whether both came in one submission, whose jobs may name one another in any order.
    func cameWith(_ other: Self) -> Bool {
        submitTime == other.submitTime && submission.user == other.submission.user
            && submission.key == other.submission.key
    }

    func taskID(_ index: Int) -> TaskID {
        TaskID(job: submission.id, index: specification.array == nil ? nil : index)
    }
}

extension RecordedJob {
    /// Tasks that ran to an end of their own.
    var endedTasks: [Int: [RecordedAttempt]] {
        attempts.filter { $1.last.map { $0.isFinal && $0.launchTime != nil } ?? false }
    }
}
