import BerthModel
import BerthPlanner
import HeapModule

/// Chooses tasks of a job that are to take over what others of it hold, one after the other: each goes behind the holder
/// with the fewest that wait for it.
///
/// Between the end of a short task and the start of the next one lie a message, a commit and another message; a node that
/// knows the next one waits for none. See `docs/decisions/0017-successors.md`.
///
/// Source: Beránek et al., SoftwareX 27, 2024 (HyperQueue: workers are given tasks ahead of what they can run).
struct SuccessorChoice {
    private let id: Job.ID
    private let now: Timestamp
    private var holders: Heap<Holder>
    private var tasks: TaskChoice
    /// Whether one was among them that had been stopped or lost. Those have a line of their own.
    private(set) var tookReturning = false

    /// Of equally many the lower node and attempt come first.
    private struct Holder: Comparable {
        var waiting: Int
        var attempt: Attempt

        static func < (left: Self, right: Self) -> Bool {
            (left.waiting, left.attempt.allocation.node, left.attempt.id)
                < (right.waiting, right.attempt.allocation.node, right.attempt.id)
        }
    }

    /// - Parameter nodes: where to look for holders.
    /// - Returns: nil where nothing is to wait.
    /// - Complexity: O(h log h) for h attempts on these nodes, and O(t log t) for t tasks of the job that were started before
    ///   if some of them wait again.
    init?(of job: Job, on nodes: [NodeName], in cluster: Cluster, at now: Timestamp) {
        let depth = Self.depth(of: job, in: cluster)
        guard depth > 0 else { return nil }
        var holders: [Holder] = []
        for name in nodes {
            guard let node = cluster.nodes[name], Self.takesSuccessors(node, of: job, in: cluster, at: now) else {
                continue
            }
            for attempt in node.given.keys where attempt.task.job == job.id {
                let waiting = node.successions[attempt]?.attempts.count ?? 0
                guard waiting < depth, let live = Self.holder(attempt, on: node, in: cluster, at: now) else { continue }
                holders.append(Holder(waiting: waiting, attempt: live))
            }
        }
        guard !holders.isEmpty else { return nil }
        id = job.id
        self.now = now
        self.holders = Heap(holders)
        tasks = TaskChoice(of: job, at: now)
    }

    /// The next one, on what has been decided so far.
    ///
    /// - Parameter cluster: with what was chosen before.
    mutating func next(in cluster: Cluster) -> ClusterPlan.Start? {
        guard let job = cluster.jobs[id], let holder = holders.min else { return nil }
        let depth = Self.depth(of: job, in: cluster)
        guard holder.waiting < depth else { return nil }
        let returning = tasks.next(isReturning: true)
        guard let index = returning ?? tasks.next(isReturning: false) else { return nil }
        if returning != nil { tookReturning = true }
        holders.replaceMin(with: Holder(waiting: holder.waiting + 1, attempt: holder.attempt))
        let attempt = Attempt(
            id: AttemptID(task: job.taskID(index), number: (job.tasks[index]?.attempts ?? 0) + 1),
            fence: cluster.nextFence, allocation: holder.attempt.allocation, plannedTime: now,
            expectedTime: job.meanRunSeconds.map { .microseconds(Int64($0 * 1e6)) }, predecessor: holder.attempt.id)
        var saw = StableHasher()
        saw.combine(holder.attempt.id.description)
        saw.combine(depth)
        saw.combine(holder.waiting)
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

extension ClusterPlanner {
    /// The nodes on which something has begun or ended since the last call: on others no place has become free.
    mutating func takePassedNodes() -> [NodeName] {
        defer { passedNodes = [] }
        return passedNodes.sorted()
    }
}
