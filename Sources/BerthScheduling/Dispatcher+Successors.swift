import BerthModel

/// Attempts that wait on their nodes for what others of their job hold there. See
/// `docs/decisions/0017-successors.md`.
extension Dispatcher {
    /// Lines up tasks of the job whose turn it is, where something has begun or ended.
    ///
    /// - Returns: whether they may have been the last of a line: then nothing is kept free for it any more, and others may
    ///   start.
    mutating func lineUpSuccessors(of turn: Job.ID, at now: Timestamp) -> Bool {
        let nodes = planner.takePassedNodes()
        guard !nodes.isEmpty, var choice = successorChoice(of: turn, on: nodes, at: now) else { return false }
        let patience = cluster.configuration.planning.successors.patience
        while let start = choice.next(in: cluster) {
            record(.started(start.attempt, start.decision), at: now)
            sendStart(start.attempt)
            successorWatch.watch(start.attempt.allocation.node, from: now + patience)
        }
        return choice.tookReturning || cluster.jobs[turn]?.hasWaitingTasks == false
    }

    /// A call of its own: a second holder of the job would make every start copy its tasks.
    private func successorChoice(of job: Job.ID, on nodes: [NodeName], at now: Timestamp) -> SuccessorChoice? {
        cluster.jobs[job].flatMap { SuccessorChoice(of: $0, on: nodes, in: cluster, at: now) }
    }

    /// Takes back what waits behind attempts that hold their resources for longer than was thought.
    ///
    /// - Returns: when to look again.
    /// - Complexity: O(log n) for each node whose time has come; each comes once in a patience at the most.
    mutating func recallOverdueSuccessors(at now: Timestamp) -> Timestamp? {
        let patience = cluster.configuration.planning.successors.patience
        for name in successorWatch.takeDue(at: now) {
            var next: Timestamp?
            for (_, succession) in (cluster.nodes[name]?.successions ?? [:]).sorted(by: { $0.key < $1.key }) {
                let time = succession.since + patience
                if time <= now {
                    recall(succession, at: now)
                } else {
                    next = min(next ?? time, time)
                }
            }
            if let next { successorWatch.watch(name, from: next) }
        }
        return successorWatch.next
    }

    /// Takes back what waits behind an attempt.
    mutating func recallSuccessors(behind attempt: Attempt, at now: Timestamp) {
        guard let succession = cluster.nodes[attempt.allocation.node]?.successions[attempt.id] else { return }
        recall(succession, at: now)
    }

    /// Takes back what waits of a job.
    mutating func recallSuccessors(of job: Job.ID, at now: Timestamp) {
        guard let job = cluster.jobs[job], job.successors > 0 else { return }
        recall(job.tasks.values.compactMap(\.state.attempt).filter(cluster.isSuccessor), at: now)
    }

    /// Takes back what waits on a node, of all jobs or of one: it is to begin nothing that has not begun.
    mutating func recallSuccessors(on name: NodeName, of job: Job.ID? = nil, at now: Timestamp) {
        guard let node = cluster.nodes[name], node.isUp, !node.successions.isEmpty else { return }
        let waiting = node.successions.values.flatMap(\.attempts).filter { job == nil || $0.task.job == job }
        recall(waiting.compactMap { cluster.state(of: $0)?.attempt }, at: now)
    }

    private mutating func recall(_ succession: Succession, at now: Timestamp) {
        recall(succession.attempts.compactMap { cluster.state(of: $0)?.attempt }, at: now)
    }

    private mutating func recall(_ attempts: [Attempt], at now: Timestamp) {
        for attempt in inStoppingOrder(attempts) { stop(attempt, .recalled, by: "berth", at: now) }
    }

    /// In the order in which to stop them so that none takes over from one that was stopped before it: first who waits, the
    /// last in line first.
    func inStoppingOrder(_ attempts: [Attempt]) -> [Attempt] {
        let waiting = attempts.filter(cluster.isSuccessor).sorted { $0.fence > $1.fence }
        return waiting + attempts.filter { !cluster.isSuccessor($0) }.sorted { $0.id < $1.id }
    }
}
