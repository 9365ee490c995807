import BerthPlanner

/// Who decides where a job with a deadline runs.
public enum SpotPolicy: String, CaseIterable, Sendable {
    /// Berth's own, `SpotPlanner`.
    case berth
    /// Never anything but on-demand.
    case ondemand
    /// Spot when it is there, else wait, until only on-demand can still make it.
    case greedy
    /// Keeps to a straight line of progress from start to deadline.
    case uniformProgress = "uniform-progress"
}

/// A published policy: a rule that needs no memory but the job's.
///
/// Source: Wu et al., NSDI 2024, sections 3 and 4, and table 3.
struct SpotRule {
    let policy: SpotPolicy
    /// The job at its start.
    let start: DeadlineJob
    let gapSeconds: Double

    func choice(for job: DeadlineJob, isAvailable: Bool) -> SpotChoice {
        if policy == .ondemand { return .onDemand }
        if job.holding == .spot && job.isSafe(.spot, for: gapSeconds) { return .spot }
        // The safety net is R(t) < C(t) + 2d; where probes are further apart than d, the next could come too late.
        let margin = job.changeoverSeconds + max(job.changeoverSeconds, gapSeconds)
        if job.slackSeconds < margin { return .onDemand }
        if policy == .greedy { return isAvailable ? .spot : .idle }
        if job.holding == .onDemand {
            // As in the authors' program, on-demand is left for spot only, never for waiting.
            return isAvailable && isAhead(job, by: 2 * job.changeoverSeconds) ? .spot : .onDemand
        }
        if isAvailable { return .spot }
        return isAhead(job, by: 0) ? .idle : .onDemand
    }

    /// Whether as much is done as the line asks for `seconds` from now.
    private func isAhead(_ job: DeadlineJob, by seconds: Double) -> Bool {
        let elapsed = start.remainingSeconds - job.remainingSeconds
        let done = start.workSeconds - job.workSeconds
        return done >= (elapsed + seconds) * start.workSeconds / start.remainingSeconds
    }
}
