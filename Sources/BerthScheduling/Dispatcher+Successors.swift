import BerthModel

/// Attempts that wait on their nodes for what others of their job hold there. See
/// `docs/decisions/0017-successors.md`.
extension Dispatcher {
    /// Lines up tasks of the job whose turn it is, where something has begun or ended.
    mutating func lineUpSuccessors(of turn: Job.ID, at now: Timestamp) {
        let nodes = planner.takePassedNodes()
        while !nodes.isEmpty, let job = cluster.jobs[turn],
            let start = ClusterPlanner.successor(of: job, on: nodes, in: cluster, at: now)
        {
            record(.started(start.attempt, start.decision), at: now)
            sendStart(start.attempt)
            nodesWithSuccessors.insert(start.attempt.allocation.node)
        }
    }

    /// Takes back what waits behind attempts that hold their resources for longer than was thought.
    ///
    /// - Returns: when the next one will have.
    mutating func recallOverdueSuccessors(at now: Timestamp) -> Timestamp? {
        let patience = cluster.configuration.planning.successors.patience
        var next: Timestamp?
        for name in nodesWithSuccessors.sorted() {
            guard let node = cluster.nodes[name], !node.successions.isEmpty else {
                nodesWithSuccessors.remove(name)
                continue
            }
            for (_, succession) in node.successions.sorted(by: { $0.key < $1.key }) {
                let time = succession.since + patience
                if time <= now {
                    recall(succession, at: now)
                } else {
                    next = min(next ?? time, time)
                }
            }
        }
        return next
    }

    /// Takes back what waits behind an attempt.
    mutating func recallSuccessors(behind attempt: Attempt, at now: Timestamp) {
        guard let succession = cluster.nodes[attempt.allocation.node]?.successions[attempt.id] else { return }
        recall(succession, at: now)
    }

    /// Takes back what waits of a job.
    mutating func recallSuccessors(of job: Job.ID, at now: Timestamp) {
        guard let job = cluster.jobs[job], job.successors > 0 else { return }
        for attempt in job.tasks.values.compactMap(\.state.attempt).sorted(by: { $0.id < $1.id })
        where cluster.isSuccessor(attempt) {
            stop(attempt, .recalled, by: "berth", at: now)
        }
    }

    private mutating func recall(_ succession: Succession, at now: Timestamp) {
        for id in succession.attempts {
            if let attempt = cluster.state(of: id)?.attempt { stop(attempt, .recalled, by: "berth", at: now) }
        }
    }
}
