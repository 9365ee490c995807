public import BerthModel

/// What is known of jobs that have left the cluster: the journal's answers, or a simulated journal's.
///
/// What cannot be read now is an error, never an answer: a used key taken for a new one would run a job twice.
public protocol History {
    func submission(_ key: Dispatcher.SubmissionKey) throws(Refusal) -> PastSubmission?
    func endState(of job: Job.ID) throws(Refusal) -> EndState?
}

/// A submission that was accepted before.
public struct PastSubmission: Hashable, Sendable {
    public var contentDigest: String
    public var jobs: [Job.ID]

    public init(contentDigest: String, jobs: [Job.ID]) {
        self.contentDigest = contentDigest
        self.jobs = jobs
    }
}
