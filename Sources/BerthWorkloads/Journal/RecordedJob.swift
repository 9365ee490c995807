import BerthModel

/// A job as it was recorded, from its submission on, or from when it was run again after it had ended.
struct RecordedJob: Sendable {
    let submission: Submission
    let submitTime: Timestamp
    let tasks: Int
    /// When the first of its tasks was given resources.
    private(set) var startTime: Timestamp?
    /// When the last of its tasks ended.
    private(set) var endTime: Timestamp?
    private(set) var holds: [Hold] = []
    /// By task, in the order of their numbers.
    private(set) var attempts: [Int: [RecordedAttempt]] = [:]
    private var tasksLeft: Int

    /// A time in which somebody held the job back.
    struct Hold: Hashable, Sendable {
        var start: Timestamp
        /// nil where it was never released.
        var end: Timestamp?
    }

    /// - Parameter time: when it was submitted, or asked for again.
    init(_ submission: Submission, at time: Timestamp) {
        self.submission = submission
        submitTime = time
        tasks = (submission.reopened?.tasks ?? submission.specification.taskIndices).count
        tasksLeft = tasks
        if submission.specification.isHeld, submission.reopened == nil { holds = [Hold(start: time)] }
    }

    /// What it waited for at first. A job that is run again waits for nothing.
    var dependencies: [Dependency] { submission.reopened == nil ? submission.specification.dependencies : [] }

    /// Held twice, by Berth and by a person, it is still held once.
    mutating func hold(at time: Timestamp) {
        if holds.last.map({ $0.end != nil }) ?? true { holds.append(Hold(start: time)) }
    }

    mutating func release(at time: Timestamp) {
        if let last = holds.indices.last, holds[last].end == nil { holds[last].end = time }
    }

    mutating func start(_ attempt: Attempt) {
        startTime = startTime ?? attempt.plannedTime
        attempts[attempt.id.task.index ?? 0, default: []].append(RecordedAttempt(attempt))
    }

    mutating func launch(_ id: AttemptID, at time: Timestamp) { change(id) { $0.launchTime = $0.launchTime ?? time } }

    mutating func stop(_ id: AttemptID, _ reason: StopReason) { change(id) { $0.stopReason = reason } }

    mutating func end(_ id: AttemptID, _ end: AttemptEnd, isFinal: Bool, at time: Timestamp) {
        change(id) { attempt in
            attempt.end = end
            attempt.isFinal = isFinal
        }
        if isFinal { endTasks(1, at: time) }
    }

    mutating func endTasks(_ count: Int, at time: Timestamp) {
        tasksLeft -= count
        if tasksLeft <= 0 { endTime = time }
    }

    private mutating func change(_ id: AttemptID, _ change: (inout RecordedAttempt) -> Void) {
        let task = id.task.index ?? 0
        guard let place = attempts[task]?.lastIndex(where: { $0.attempt.id == id }) else { return }
        change(&attempts[task, default: []][place])
    }
}
