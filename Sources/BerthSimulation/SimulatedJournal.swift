public import BerthModel
public import BerthScheduling

/// A journal in memory: a list of events, of which the last ones may not be durable yet. Answers as the history what
/// the real one answers from its tables.
public struct SimulatedJournal: Sendable {
    /// The durable events, in order.
    public private(set) var events: [RecordedEvent] = []
    /// Written, and lost if the controller ends now.
    private var pending: [RecordedEvent] = []
    private var submissions: [Dispatcher.SubmissionKey: PastSubmission] = [:]
    private var jobs: [Job.ID: Record] = [:]

    /// What the history keeps of a job when the cluster has forgotten it.
    private struct Record: Sendable {
        var submission: Submission
        var ended: [Int: EndState] = [:]
        var attempts: [Int: Int] = [:]

        var tally: Job.Tally { ended.values.reduce(into: Job.Tally()) { $0.count($1, 1) } }
        var endState: EndState? {
            ended.count == submission.specification.taskIndices.count ? tally.state : nil
        }
    }

    package init() {}

    package mutating func append(_ events: [ClusterEvent], at time: Timestamp) {
        for event in events {
            let sequence = UInt64(self.events.count + pending.count + 1)
            pending.append(RecordedEvent(sequence: sequence, time: time, event: event))
        }
    }

    /// Makes durable what was written.
    ///
    /// - Returns: the events that are durable since now.
    package mutating func commit() -> [RecordedEvent] {
        defer { pending = [] }
        events += pending
        for recorded in pending { project(recorded.event) }
        return pending
    }

    /// Forgets what was written and is not durable.
    package mutating func loseUncommitted() { pending = [] }

    /// The cluster that the durable events add up to.
    package func replay() throws(IllegalTransition) -> Cluster {
        var cluster = Cluster()
        for recorded in events { try cluster.apply(recorded.event, at: recorded.time) }
        return cluster
    }

    private mutating func project(_ event: ClusterEvent) {
        switch event {
        case .submitted(let submission):
            jobs[submission.id] = Record(submission: submission)
            let key = Dispatcher.SubmissionKey(user: submission.user, key: submission.key)
            submissions[key, default: PastSubmission(contentDigest: submission.contentDigest, jobs: [])]
                .jobs.append(submission.id)
        case .reopened(let submission, by: _):
            for index in submission.reopened?.tasks ?? IndexRanges() { jobs[submission.id]?.ended[index] = nil }
        case .started(let attempt, _):
            jobs[attempt.id.task.job]?.attempts[attempt.id.task.index ?? 0] = attempt.id.number
        case .attemptEnded(let attempt, _, then: .ended(let outcome)):
            jobs[attempt.task.job]?.ended[attempt.task.index ?? 0] = outcome.state
        case .tasksEnded(let job, let tasks, let outcome, by: _):
            for index in tasks { jobs[job]?.ended[index] = outcome.state }
        default: break
        }
    }

    /// An ended job as it is to be run again; nil where there is none, or it has not ended.
    package func reopening(of id: TaskID) -> Submission? {
        guard let record = jobs[id.job], record.endState != nil else { return nil }
        let failed = record.ended.filter { $0.value != .succeeded && (id.index == nil || $0.key == id.index) }
        let tasks = IndexRanges(failed.keys.sorted())
        var submission = record.submission
        submission.unmetDependencies = []
        submission.reopened = Submission.Reopening(
            tasks: tasks, attempts: record.attempts.filter { tasks.contains($0.key) },
            ended: record.ended.filter { !tasks.contains($0.key) }.values.reduce(into: Job.Tally()) { $0.count($1, 1) })
        return submission
    }

    /// Of everything durable, the same in every process; equal digests are equal journals in all that was decided.
    public var digest: String {
        var hasher = StableHasher()
        for recorded in events {
            hasher.combine(recorded.sequence)
            hasher.combine(recorded.time.microseconds)
            hasher.combine(recorded.event.name)
            hasher.combine(recorded.event.job?.number ?? 0)
            switch recorded.event {
            case .started(let attempt, let decision):
                for text in [attempt.id.description, attempt.allocation.cpus.description, decision.saw] {
                    hasher.combine(text)
                }
                hasher.combine(attempt.fence)
            case .attemptEnded(let attempt, let end, then: _):
                hasher.combine(attempt.description)
                hasher.combine(end.cause.rawValue)
            default: break
            }
        }
        return hasher.text
    }
}

extension SimulatedJournal: History {
    public func submission(_ key: Dispatcher.SubmissionKey) -> PastSubmission? { submissions[key] }
    public func endState(of job: Job.ID) -> EndState? { jobs[job]?.endState }
}
