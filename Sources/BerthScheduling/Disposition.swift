import BerthModel

/// What becomes of a task when its attempt has ended: done, failed for good, or tried again.
///
/// Attempts that were preempted, drained, lost with their node or refused by it never count against the job's retries.
func disposition(of end: AttemptEnd, task: Job.Task, job: Job, attempt: AttemptID, at now: Timestamp)
    -> ClusterEvent.Disposition
{
    if case .stopping(_, let reason, _) = task.state {
        // The job may have ended by itself before the stop reached it.
        if !(end.cause == .exit && end.exitCode == 0) || reason == .cancelled {
            guard reason.runsAgain else {
                return .ended(
                    Outcome(
                        state: .cancelled, reason: .cancelled, exitCode: end.exitCode, signal: end.signal,
                        message: end.message))
            }
            return .waits(notBefore: nil, countsAsRetry: false)
        }
    }
    switch end.cause {
    case .exit where end.exitCode == 0: return .ended(Outcome(state: .succeeded, reason: .exit, exitCode: 0))
    case .refused:
        // The model of the node was wrong; the agent has said how. Not at once again, so that a node that refuses
        // everything does not keep the planner busy.
        return .waits(notBefore: now + .seconds(5), countsAsRetry: false)
    case .stopped: return .waits(notBefore: nil, countsAsRetry: false)
    case .nodeLost: return .waits(notBefore: nil, countsAsRetry: false)
    case .exit, .signal, .outOfMemory, .timeLimit, .launchFailed:
        return retried(end, task: task, job: job, attempt: attempt, at: now)
    }
}

private func retried(_ end: AttemptEnd, task: Job.Task, job: Job, attempt: AttemptID, at now: Timestamp)
    -> ClusterEvent.Disposition
{
    if let retry = job.specification.retry, let failure = end.failure, retry.on.contains(failure),
        task.retries < retry.attempts
    {
        var seed = StableHasher()
        seed.combine(attempt.description)
        let delay = retry.backoff.delay(beforeRetry: task.retries + 1, seed: seed.value)
        return .waits(notBefore: now + delay, countsAsRetry: true)
    }
    return .ended(
        Outcome(
            state: end.cause == .timeLimit ? .timedOut : .failed, reason: end.outcomeReason, exitCode: end.exitCode,
            signal: end.signal, message: end.message))
}

extension AttemptEnd {
    fileprivate var failure: RetryPolicy.Failure? {
        switch cause {
        case .exit: .exit
        case .signal: .signal
        case .outOfMemory: .outOfMemory
        case .timeLimit: .timedOut
        case .launchFailed: .launchFailed
        case .nodeLost: .nodeLost
        case .stopped, .refused: nil
        }
    }

    fileprivate var outcomeReason: Outcome.Reason {
        switch cause {
        case .exit, .stopped, .refused: .exit
        case .signal: .signal
        case .outOfMemory: .outOfMemory
        case .timeLimit: .timeLimit
        case .launchFailed: .launchFailed
        case .nodeLost: .nodeLost
        }
    }
}
