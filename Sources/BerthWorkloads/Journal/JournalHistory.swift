public import BerthModel

/// What a journal's events tell of the past that can be lived again: the machines, the rules, and the jobs with their
/// attempts.
public struct JournalHistory: Sendable {
    /// The kinds of events that it learns from, as the journal names them; all others change nothing.
    public static let eventKinds = [
        "attemptEnded", "configured", "familyReleased", "held", "jobsHeld", "launched", "nodeJoined", "released",
        "reopened", "started", "stopping", "submitted", "tasksEnded",
    ]

    /// As each registered last.
    private(set) var nodes: [NodeName: NodeRegistration] = [:]
    private(set) var configuration = ClusterConfiguration()
    /// In the order in which they came. A job that was run again after its end is here once more.
    private(set) var jobs: [RecordedJob] = []
    /// Where the jobs of a number are, the latest last.
    private(set) var places: [Job.ID: [Int]] = [:]

    public init() {}

    /// Takes in the next event. One that speaks of what is not known is passed over.
    public mutating func take(_ event: ClusterEvent, at time: Timestamp) {
        switch event {
        case .configured(let configuration): self.configuration = configuration
        case .nodeJoined(let registration): nodes[registration.name] = registration
        case .submitted(let submission): begin(RecordedJob(submission, at: submission.submitTime))
        case .reopened(let submission, by: _): begin(RecordedJob(submission, at: time))
        case .held(let job, by: _): change(job) { $0.hold(at: time) }
        case .released(let job, by: _): change(job) { $0.release(at: time) }
        case .jobsHeld(let jobs, _): for job in jobs { change(job) { $0.hold(at: time) } }
        case .familyReleased(_, let jobs): for job in jobs { change(job) { $0.release(at: time) } }
        case .started(let attempt, _): change(attempt.id.task.job) { $0.start(attempt) }
        case .launched(let attempt, let launch): change(attempt.task.job) { $0.launch(attempt, at: launch.startTime) }
        case .stopping(let attempt, let reason, by: _): change(attempt.task.job) { $0.stop(attempt, reason) }
        case .attemptEnded(let attempt, let end, then: let disposition):
            var isFinal = false
            if case .ended = disposition { isFinal = true }
            change(attempt.task.job) { $0.end(attempt, end, isFinal: isFinal, at: time) }
        case .tasksEnded(let job, let tasks, _, by: _): change(job) { $0.endTasks(tasks.count, at: time) }
        case .foreseen, .reported, .memberEnded, .nodeReturned, .nodeLost, .nodeFaulted, .nodeDrained, .nodeUndrained,
            .staleAttemptEnded:
            break
        }
    }

    private mutating func begin(_ job: RecordedJob) {
        places[job.submission.id, default: []].append(jobs.count)
        jobs.append(job)
    }

    private mutating func change(_ job: Job.ID, _ change: (inout RecordedJob) -> Void) {
        if let place = places[job]?.last { change(&jobs[place]) }
    }
}
