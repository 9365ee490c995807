public import BerthModel
public import BerthPlanner

extension ClusterPlanner {
    /// Every reason for which the job's waiting tasks do not start now; empty where they could, or where none waits.
    ///
    /// - Complexity: O(n) for n nodes.
    public mutating func waitReasons(for job: Job, in cluster: Cluster, at now: Timestamp) -> [WaitReason] {
        guard job.hasWaitingTasks else { return [] }
        follow(cluster, at: now)
        let own = ownReasons(for: job, at: now)
        let shared = planner.waitReasons(for: WaitingTerms(job, isReturning: false, in: cluster.configuration), at: now)
        let ahead = planner.jobsAhead(of: job.id, PlanningFacts(cluster), at: now)
        let isBehind = ahead > 0 && (own.isEmpty || shared.contains(where: \.isShared))
        return own + shared + (isBehind ? [.behind(jobs: ahead)] : [])
    }

    /// What has nothing to do with others.
    private func ownReasons(for job: Job, at now: Timestamp) -> [WaitReason] {
        var reasons: [WaitReason] = []
        if job.isHeld { reasons.append(.held) }
        if let begin = job.specification.begin, begin > now { reasons.append(.begins(at: begin)) }
        reasons += job.waitsFor.map { .dependency($0) }
        if job.untouched.isEmpty {
            let times = job.tasks.values.compactMap { task -> Timestamp? in
                if case .waiting(let notBefore?) = task.state { notBefore } else { nil }
            }
            if let earliest = times.min(), earliest > now, times.count == job.waitingAgain {
                reasons.append(.backoff(until: earliest))
            }
        }
        if let parallel = job.specification.array?.parallel, job.active >= parallel {
            reasons.append(.arrayLimit(parallel: parallel))
        }
        return reasons
    }
}

/// Every reason for which the job's waiting tasks do not start now, worked out from nothing.
public func waitReasons(for job: Job, in cluster: Cluster, at now: Timestamp) -> [WaitReason] {
    var planner = ClusterPlanner(cluster)
    return planner.waitReasons(for: job, in: cluster, at: now)
}
