public import BerthModel
public import BerthPlanner

extension ClusterPlanner {
    /// Every reason for which the job's waiting tasks do not start now; empty where they could, or where none waits.
    ///
    /// - Complexity: O(n) for n nodes.
    public mutating func waitReasons(for job: Job, in cluster: Cluster, at now: Timestamp) -> [WaitReason] {
        guard job.hasWaitingTasks else { return [] }
        follow(cluster, at: now)
        let avoided = avoided(by: job, in: cluster.configuration, at: now)
        let own =
            ownReasons(for: job, cluster.families, at: now)
            + avoided.map { .avoids(node: $0.node, until: $0.until) }
        let terms = WaitingTerms(
            job, isReturning: false, avoiding: avoided.map(\.node), in: cluster.configuration)
        let facts = PlanningFacts(cluster)
        var shared = planner.waitReasons(for: terms, at: now)
        if own.isEmpty, shared.isEmpty, let faster = planner.waitForFaster(of: job.id, facts, at: now) {
            shared = [faster]
        }
        let ahead = planner.jobsAhead(of: job.id, facts, at: now)
        let isBehind = ahead > 0 && (own.isEmpty || shared.contains(where: \.isShared))
        return own + shared + (isBehind ? [.behind(jobs: ahead)] : [])
    }

    /// What has nothing to do with others.
    private func ownReasons(for job: Job, _ families: FamilyLedger, at now: Timestamp) -> [WaitReason] {
        var reasons: [WaitReason] = []
        if job.isHeld { reasons.append(job.hold.map { .heldByBerth($0) } ?? .held) }
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
        guard job.holding >= job.parallelLimit else { return reasons }
        if job.isOnProbation {
            reasons.append(.probation(families.hold(of: job.family)))
        } else {
            reasons.append(.arrayLimit(parallel: job.parallelLimit))
        }
        return reasons
    }
}

/// Every reason for which the job's waiting tasks do not start now, worked out from nothing.
public func waitReasons(for job: Job, in cluster: Cluster, at now: Timestamp) -> [WaitReason] {
    var planner = ClusterPlanner(cluster)
    return planner.waitReasons(for: job, in: cluster, at: now)
}
