package import BerthModel
package import BerthScheduling

/// Everybody who asks: repeats what was not answered, under the same key, and holds the controller to its answers.
package struct SimulatedUsers: Sendable {
    private var requests: [Request] = []
    private var open: Set<Int> = []
    /// Asked and not answered, by the controller that may end before it does.
    private var waiting: Set<Int> = []
    /// What the controller has said yes to.
    package private(set) var acknowledged: [Dispatcher.SubmissionKey: [Job.ID]] = [:]
    package private(set) var knownJobs: [Job.ID] = []

    package struct Request: Sendable {
        package var action: UserAction
        package var user: String
        /// Whether its key was used for another content.
        package var mustBeRefused = false
    }

    package init() {}

    package var hasOpenRequests: Bool { !open.isEmpty }
    package subscript(ticket: Int) -> Request { requests[ticket] }

    /// Makes up one's mind; the ticket stands for the question until it is answered.
    package mutating func want(_ action: UserAction, by user: String, mustBeRefused: Bool = false) -> Int {
        requests.append(Request(action: action, user: user, mustBeRefused: mustBeRefused))
        open.insert(requests.count - 1)
        return requests.count - 1
    }

    package mutating func asked(_ ticket: Int) { waiting.insert(ticket) }

    /// The controller has ended: whoever waits must ask again.
    package mutating func loseAnswers() -> [Int] {
        defer { waiting = [] }
        return waiting.sorted()
    }

    /// Takes an answer.
    ///
    /// - Returns: what the same user wants next, and after how long.
    package mutating func take(_ reply: SimulatedController.Reply, using random: inout SeededGenerator)
        throws(BrokenPromise) -> [(request: Request, delay: Duration)]
    {
        let request = requests[reply.ticket]
        waiting.remove(reply.ticket)
        let isFirst = open.remove(reply.ticket) != nil
        guard case .submit(let submission) = request.action else {
            guard isFirst, let undoing = request.action.undoing else { return [] }
            return [(Request(action: undoing, user: request.user), random.duration(.seconds(5) ... .seconds(1800)))]
        }
        guard case .accepted(let ids) = reply.answer else { return [] }
        let key = Dispatcher.SubmissionKey(user: submission.user, key: submission.key)
        try BrokenPromise.unless(
            !request.mustBeRefused, "a key with another content is refused", "\(submission.key) made \(ids)")
        try BrokenPromise.unless(
            acknowledged[key] ?? ids == ids, "the same key gives the same jobs",
            "\(submission.key) gave \(acknowledged[key] ?? []), then \(ids)")
        guard acknowledged.updateValue(ids, forKey: key) == nil else { return [] }
        knownJobs += ids
        return followUps(to: submission, ids, using: &random)
    }

    private func followUps(
        to submission: Dispatcher.SubmissionRequest, _ ids: [Job.ID], using random: inout SeededGenerator
    ) -> [(request: Request, delay: Duration)] {
        var next: [(request: Request, delay: Duration)] = []
        for (id, job) in zip(ids, submission.jobs) where job.specification.isHeld {
            next.append(
                (
                    Request(action: .release(id), user: submission.user),
                    random.duration(.seconds(5) ... .seconds(1800))
                ))
        }
        if random.chance(0.15) {
            next.append(
                (
                    Request(action: .submit(submission), user: submission.user),
                    random.duration(.seconds(1) ... .seconds(3600))
                ))
        }
        if random.chance(0.05) {
            var other = submission
            other.contentDigest += " changed"
            next.append(
                (
                    Request(action: .submit(other), user: submission.user, mustBeRefused: true),
                    random.duration(.seconds(1) ... .seconds(3600))
                ))
        }
        return next
    }

    /// Everything that was answered is in the journal.
    package func nothingAcknowledgedIsLost(in journal: SimulatedJournal) throws(BrokenPromise) {
        for (key, ids) in acknowledged {
            try BrokenPromise.unless(
                journal.submission(key)?.jobs == ids, "nothing acknowledged is lost",
                "\(key.key) was answered with \(ids); the journal has \(journal.submission(key)?.jobs ?? [])")
        }
    }
}

extension UserAction {
    /// What lets jobs go on again after this.
    fileprivate var undoing: UserAction? {
        switch self {
        case .hold(let job): .release(job)
        case .drain(let node, stopping: _): .undrain(node)
        case .submit, .cancel, .release, .requeue, .undrain: nil
        }
    }
}
