import BerthModel
import BerthPlanner

/// Tasks that are to take over what others of their job hold, before these have ended. Between the end of a short task and
/// the start of the next one lie a message, a commit and another message; a node that knows the next one waits for none.
///
/// Source: Beránek et al., SoftwareX 27, 2024 (HyperQueue: workers are given tasks ahead of what they can run).
extension ClusterPlanner {
    /// The nodes on which something has begun or ended since the last call: on others no place has become free.
    mutating func takePassedNodes() -> [NodeName] {
        defer { passedNodes = [] }
        return passedNodes.sorted()
    }

    /// The next attempt of the job to wait on one of these nodes, behind the one there with the fewest that wait for it; nil
    /// where none should.
    static func successor(of job: Job, on nodes: [NodeName], in cluster: Cluster, at now: Timestamp)
        -> ClusterPlan.Start?
    {
        let depth = depth(of: job, in: cluster)
        guard depth > 0 else { return nil }
        var shortest: (holder: Attempt, waiting: Int)?
        for name in nodes {
            guard let node = cluster.nodes[name], takesSuccessors(node, of: job, in: cluster, at: now) else { continue }
            for id in node.given.keys.sorted() where id.task.job == job.id {
                let waiting = node.successions[id]?.attempts.count ?? 0
                guard waiting < min(depth, shortest?.waiting ?? .max),
                    let holder = holder(id, on: node, in: cluster, at: now)
                else { continue }
                shortest = (holder, waiting)
            }
        }
        return shortest.flatMap { successor(of: job, behind: $0.holder, in: cluster, at: now) }
    }

    /// The attempt that follows on what has been decided so far.
    static func successor(of job: Job, behind holder: Attempt, in cluster: Cluster, at now: Timestamp)
        -> ClusterPlan.Start?
    {
        var choice = TaskChoice(of: job, at: now)
        guard let index = choice.next(isReturning: true) ?? choice.next(isReturning: false) else { return nil }
        let number = (job.tasks[index]?.attempts ?? 0) + 1
        let attempt = Attempt(
            id: AttemptID(task: job.taskID(index), number: number), fence: cluster.nextFence,
            allocation: holder.allocation, plannedTime: now,
            expectedTime: job.meanRunSeconds.map { .microseconds(Int64($0 * 1e6)) }, predecessor: holder.id)
        var saw = StableHasher()
        saw.combine(holder.id.description)
        saw.combine(depth(of: job, in: cluster))
        saw.combine(cluster.nodes[holder.allocation.node]?.successions[holder.id]?.attempts.count ?? 0)
        let decision = Decision(
            policy: planningPolicy, saw: saw.text, jobsAhead: 0, nodesConsidered: 1, candidates: [], rejected: [:])
        return ClusterPlan.Start(attempt: attempt, decision: decision)
    }

    /// How many may wait behind each of the job's attempts. At the end of an array it is none, so that the last tasks do not
    /// wait on one side while the other is idle.
    private static func depth(of job: Job, in cluster: Cluster) -> Int {
        let limits = cluster.configuration.planning.successors
        guard job.isArray, !job.isHeld, !job.isOnProbation, job.raisedMemoryBytes == nil, job.holding > 0,
            job.specification.pool == nil, let mean = job.meanRunSeconds
        else { return 0 }
        let ahead = limits.ahead.inSeconds
        // What takes longer than ten times what is to be bridged does not gain by it.
        guard ahead > 0, mean <= 10 * ahead else { return 0 }
        let wanted = Int((ahead / max(mean, ahead / Double(max(limits.most, 1)))).rounded(.up))
        return min(wanted, limits.most, job.waitingCount / job.holding)
    }

    private static func takesSuccessors(_ node: Node, of job: Job, in cluster: Cluster, at now: Timestamp) -> Bool {
        let planning = cluster.configuration.planning
        guard node.takesWork, node.registration.takesSuccessors == true,
            !job.avoided.contains(where: { $0.node == node.name && $0.until > now })
        else { return false }
        let soon = now + planning.successors.patience
        return !planning.reservations.contains {
            $0.end > now && $0.start <= soon && $0.nodes.holds(node.attribute)
        }
    }

    /// The attempt, if another may wait for it.
    private static func holder(_ id: AttemptID, on node: Node, in cluster: Cluster, at now: Timestamp) -> Attempt? {
        let attempt: Attempt
        switch cluster.state(of: id) {
        case .starting(let live), .running(let live, _): attempt = live
        case .waiting, .stopping, nil: return nil
        }
        let since = node.successions[id]?.since ?? attempt.plannedTime
        guard !attempt.isGang, !attempt.isBorrowing,
            since + cluster.configuration.planning.successors.patience > now
        else { return nil }
        return attempt
    }
}
