import BerthModel

/// What came of a workload's tasks, lived again or recorded.
struct JournalOutcome: Sendable {
    private(set) var stretches: [Stretch] = []
    private(set) var courses: [Course] = []
    private(set) var preemptions = 0
    private(set) var lostWork = Duration.zero
    /// What GPUs used in all attempts, those included that did not end their task; nil where no driver told of any.
    private(set) var energyJoules: Double?

    /// A time in which a task held resources.
    struct Stretch: Sendable {
        var task: TaskID
        var allocation: Allocation
        var start: Timestamp
        var end: Timestamp
    }

    /// A task from its submission to its end.
    struct Course: Sendable {
        var submitTime: Timestamp
        var firstStart: Timestamp
        var endTime: Timestamp
        /// How long the attempt ran that ended it.
        var runTime: Duration
    }

    init() {}

    /// What was recorded of a workload.
    init(recordedOf workload: JournalWorkload) {
        for job in workload.jobs {
            for (index, attempts) in job.tasks.sorted(by: { $0.key < $1.key }) { take(attempts, of: index, job) }
        }
    }

    private mutating func take(_ attempts: [RecordedAttempt], of index: Int, _ job: ReplayedJob) {
        for attempt in attempts {
            guard let end = attempt.end?.endTime else { continue }
            spend(attempt, for: attempt.runTime)
            let allocation = attempt.attempt.allocation
            // One that waited to take over from another held nothing before it began.
            let start =
                attempt.attempt.predecessor == nil ? attempt.attempt.plannedTime : attempt.launchTime ?? end
            hold(Stretch(task: job.taskID(index), allocation: allocation, start: start, end: max(start, end)))
            if !attempt.isFinal { lose(attempt.runTime, byPreemption: attempt.wasPreempted) }
        }
        guard let last = attempts.last, let endTime = last.end?.endTime,
            let start = attempts.lazy.compactMap(\.launchTime).first
        else { return }
        // Starts and ends are told by the nodes' clocks, which may be behind.
        finish(
            Course(
                submitTime: job.submitTime, firstStart: max(job.submitTime, start),
                endTime: max(job.submitTime, endTime),
                runTime: last.runTime))
    }

    mutating func hold(_ stretch: Stretch) { stretches.append(stretch) }

    mutating func finish(_ course: Course) { courses.append(course) }

    /// Counts what an attempt like this one uses that runs for so long.
    mutating func spend(_ attempt: RecordedAttempt, for time: Duration) {
        guard let joules = attempt.energyJoules(in: time) else { return }
        energyJoules = (energyJoules ?? 0) + joules
    }

    /// Counts an attempt after which its task had to start again.
    mutating func lose(_ runTime: Duration, byPreemption: Bool) {
        lostWork += runTime
        if byPreemption { preemptions += 1 }
    }
}
