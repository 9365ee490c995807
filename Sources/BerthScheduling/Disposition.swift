import BerthModel

/// What becomes of a task when its attempt has ended: done, failed for good, or tried again.
///
/// Attempts that were preempted, drained, lost with their node, refused by it or not started through its fault never count
/// against the job's retries; a rule of its policy can only say that they end it.
func disposition(
    of end: AttemptEnd, task: Job.Task, job: Job, attempt: AttemptID, _ limits: FailureLimits, at now: Timestamp
) -> ClusterEvent.Disposition {
    // A gang that was stopped since a member failed is judged by that member's end.
    // So is one that had begun before its recall came.
    if case .stopping(_, let reason, _) = task.state, reason != .memberFailed,
        reason != .recalled || end.cause == .stopped
    {
        // The job may have ended by itself before the stop reached it.
        if !(end.cause == .exit && end.exitCode == 0) || reason == .cancelled {
            guard reason.runsAgain else {
                return .ended(
                    Outcome(
                        state: .cancelled, reason: .cancelled, exitCode: end.exitCode, signal: end.signal,
                        message: end.message))
            }
            // Only the stop itself may end it; what it did before it was told is made up for.
            let isStopped = end.cause == .stopped && reason != .requeued && reason != .recalled
            return isStopped
                ? waits(again: end, of: job, notBefore: nil) : .waits(notBefore: nil, countsAsRetry: false)
        }
    }
    switch end.cause {
    case .exit where end.exitCode == 0: return .ended(Outcome(state: .succeeded, reason: .exit, exitCode: 0))
    case _ where end.isLoss:
        return waits(
            again: end, of: job, notBefore: lossDelay(after: end, task: task, attempt, limits).map { now + $0 })
    case .stopped, .nodeLost, .refused: return waits(again: end, of: job, notBefore: nil)
    case .exit, .signal, .outOfMemory, .timeLimit, .launchFailed:
        return retried(end, task: task, job: job, attempt: attempt, at: now)
    }
}

/// How long a task waits after an attempt that came to nothing through its node: not at all after the first, and longer
/// after each further one in a row; nil for at once.
private func lossDelay(after end: AttemptEnd, task: Job.Task, _ attempt: AttemptID, _ limits: FailureLimits)
    -> Duration?
{
    let losses = task.losses(after: end, task.state)
    var delay: Duration?
    if losses > 1 { delay = limits.lossBackoff.delay(beforeRetry: losses - 1, seed: seed(for: attempt)) }
    // The model of a node that refuses is wrong; its agent has said how. Not at once again, so that one that refuses
    // everything does not keep the planner busy.
    if end.cause == .refused { delay = max(delay ?? .zero, .seconds(5)) }
    return delay
}

private func seed(for attempt: AttemptID) -> UInt64 {
    var hasher = StableHasher()
    hasher.combine(attempt.description)
    return hasher.value
}

/// After what was no failure of the job's own it waits again, unless it says that it must not run twice.
private func waits(again end: AttemptEnd, of job: Job, notBefore: Timestamp?) -> ClusterEvent.Disposition {
    guard job.specification.retry?.givesUp(after: end) == true else {
        return .waits(notBefore: notBefore, countsAsRetry: false)
    }
    return .ended(
        Outcome(
            state: .failed, reason: end.isLoss ? end.outcomeReason : .policy, exitCode: end.exitCode,
            signal: end.signal, message: "A rule of its retry policy ends it instead of running it again."))
}

private func retried(_ end: AttemptEnd, task: Job.Task, job: Job, attempt: AttemptID, at now: Timestamp)
    -> ClusterEvent.Disposition
{
    if let backoff = job.specification.retry?.retry(after: end, retries: task.retries) {
        let delay = backoff.delay(beforeRetry: task.retries + 1, seed: seed(for: attempt))
        return .waits(notBefore: now + delay, countsAsRetry: true)
    }
    return .ended(
        Outcome(
            state: end.cause == .timeLimit ? .timedOut : .failed, reason: end.outcomeReason, exitCode: end.exitCode,
            signal: end.signal, message: end.message))
}

extension AttemptEnd {
    fileprivate var outcomeReason: Outcome.Reason {
        switch cause {
        case .exit: .exit
        case .stopped, .refused: .policy
        case .signal: .signal
        case .outOfMemory: .outOfMemory
        case .timeLimit: .timeLimit
        case .launchFailed: .launchFailed
        case .nodeLost: .nodeLost
        }
    }
}
