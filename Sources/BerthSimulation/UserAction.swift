package import BerthModel
package import BerthScheduling

/// What a simulated user asks the controller for.
package enum UserAction: Sendable {
    case submit(Dispatcher.SubmissionRequest)
    case cancel(TaskID)
    case hold(Job.ID)
    case release(Job.ID)
    /// Running tasks go back to the queue; an ended job is run again.
    case requeue(TaskID)
    case drain(NodeName, stopping: Bool)
    case undrain(NodeName)

    /// Has it done, as the controller's doors do.
    ///
    /// - Returns: what to answer once the round is durable.
    func perform(by user: String, on dispatcher: inout Dispatcher, _ journal: SimulatedJournal, at now: Timestamp)
        -> Answer
    {
        do throws(Refusal) {
            switch self {
            case .submit(let request): return .accepted(try dispatcher.submit(request, history: journal, at: now))
            case .cancel(let task): try dispatcher.cancel(task, by: user, history: journal, at: now)
            case .hold(let job): try dispatcher.hold(job, by: user, history: journal, at: now)
            case .release(let job): try dispatcher.release(job, by: user, history: journal, at: now)
            case .requeue(let task):
                if dispatcher.cluster.jobs[task.job] == nil, let ended = journal.reopening(of: task) {
                    try dispatcher.reopen(ended, by: user, at: now)
                } else {
                    try dispatcher.requeue(task, by: user, history: journal, at: now)
                }
            case .drain(let node, let stopping):
                try dispatcher.drain(node, reason: "simulated", stopping: stopping, by: user, at: now)
            case .undrain(let node): try dispatcher.undrain(node, by: user, at: now)
            }
            return .done
        } catch {
            return .refused(error)
        }
    }

    package enum Answer: Hashable, Sendable {
        case accepted([Job.ID])
        case done
        case refused(Refusal)
    }
}
