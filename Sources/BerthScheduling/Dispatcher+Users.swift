public import BerthModel
public import BerthPlanner

/// What people change afterwards: jobs, nodes and the configuration.
extension Dispatcher {
    /// Ends a job or one of its tasks: waiting tasks at once, those with resources after their grace.
    public mutating func cancel(_ id: TaskID, by user: String, history: some History, at now: Timestamp)
        throws(Refusal)
    {
        let job = try liveJob(id, history: history)
        try refuseEndedTask(id, of: job)
        let waiting = waitingTasks(of: job).filter { id.index == nil || $0 == id.index }
        let live = job.tasks.values.compactMap(\.state.attempt).filter { id.index == nil || $0.id.task == id }
        for attempt in inStoppingOrder(live) { stop(attempt, .cancelled, by: user, at: now) }
        if !waiting.isEmpty {
            let outcome = Outcome(state: .cancelled, reason: .cancelled, message: "\(user) cancelled it.")
            record(.tasksEnded(job: job.id, tasks: IndexRanges(waiting), outcome, by: user), at: now)
        }
    }

    /// Refuses the name of a task that the job never had, or has no longer.
    private func refuseEndedTask(_ id: TaskID, of job: Job) throws(Refusal) {
        guard let index = id.index else { return }
        guard job.isArray, job.specification.taskIndices.contains(index) else { throw .noTask(id) }
        if job.tasks[index] == nil, !job.untouched.contains(index) { throw .taskHasEnded(id) }
    }

    func waitingTasks(of job: Job) -> [Int] {
        job.untouched + job.tasks.filter { $0.value.state.attempt == nil }.keys.sorted()
    }

    public mutating func hold(_ id: Job.ID, by user: String, history: some History, at now: Timestamp) throws(Refusal) {
        let job = try liveJob(TaskID(job: id), history: history)
        // What Berth holds would go on by itself once its family is well; from now on a person wants it held.
        if !job.isHeld || job.hold != nil { record(.held(job: id, by: user), at: now) }
        recallSuccessors(of: id, at: now)
    }

    public mutating func release(_ id: Job.ID, by user: String, history: some History, at now: Timestamp)
        throws(Refusal)
    {
        let job = try liveJob(TaskID(job: id), history: history)
        guard job.isHeld else { throw .notHeld(id) }
        record(.released(job: id, by: user), at: now)
    }

    /// Sends the running tasks of a job back to the queue.
    public mutating func requeue(_ id: TaskID, by user: String, history: some History, at now: Timestamp)
        throws(Refusal)
    {
        let job = try liveJob(id, history: history)
        try refuseEndedTask(id, of: job)
        let live = job.tasks.values.compactMap(\.state.attempt).filter { id.index == nil || $0.id.task == id }
        for attempt in inStoppingOrder(live) { stop(attempt, .requeued, by: user, at: now) }
    }

    /// Runs an ended job again.
    ///
    /// - Parameter submission: the job as it was, with `reopened` filled in by whoever keeps the history.
    public mutating func reopen(_ submission: Submission, by user: String, at now: Timestamp) throws(Refusal) {
        guard submission.reopened?.tasks.isEmpty == false else { throw .nothingToRequeue(submission.id) }
        try check(submission.specification, at: now)
        record(.reopened(submission, by: user), at: now)
        holdBack([submission.id], at: now)
    }

    public func liveJob(_ id: TaskID, history: some History) throws(Refusal) -> Job {
        if let job = cluster.jobs[id.job] { return job }
        guard let state = try endState(of: id.job, history) else { throw .noJob(id.job) }
        throw .hasEnded(id, state.jobState)
    }

    mutating func stop(_ attempt: Attempt, _ reason: StopReason, by user: String, at now: Timestamp) {
        // A second stop changes the reason only towards the one that ends the task. But one that has begun before its recall
        // goes on, and stops only for another reason.
        if case .stopping(_, let earlier, _) = cluster.state(of: attempt.id),
            earlier == reason || (reason.runsAgain && earlier != .recalled)
        {
            return
        }
        // The room is meant for others. First of all, so that none begins meanwhile.
        if reason == .preempted { recallSuccessors(behind: attempt, at: now) }
        record(.stopping(attempt: attempt.id, reason, by: user), at: now)
        for node in attempt.allocations.map(\.node) where cluster.isLive(attempt.id, on: node) {
            send(.stop(attempt: attempt.id, fence: attempt.fence, reason), to: node)
        }
    }

    public mutating func drain(
        _ node: NodeName, reason: String, stopping: Bool, by user: String, at now: Timestamp
    ) throws(Refusal) {
        guard let known = cluster.nodes[node] else { throw .noNode(node, known: cluster.nodes.keys.map(\.text)) }
        if known.drain?.reason != reason { record(.nodeDrained(node, Node.Drain(reason: reason, by: user)), at: now) }
        guard stopping else { return recallSuccessors(on: node, at: now) }
        for attempt in inStoppingOrder(known.known.compactMap { cluster.state(of: $0)?.attempt }) {
            stop(attempt, .drained, by: user, at: now)
        }
    }

    public mutating func undrain(_ node: NodeName, by user: String, at now: Timestamp) throws(Refusal) {
        guard let known = cluster.nodes[node] else { throw .noNode(node, known: cluster.nodes.keys.map(\.text)) }
        if known.drain != nil || known.faults != nil || known.troubles != nil {
            record(.nodeUndrained(node, by: user), at: now)
        }
    }

    public mutating func configure(_ configuration: ClusterConfiguration, at now: Timestamp) {
        guard cluster.configuration != configuration else { return }
        record(.configured(configuration), at: now)
        successorWatch = SuccessorWatch(cluster, at: now)
    }
}

/// What people ask of the plans to come.
extension Dispatcher {
    /// Every reason for which the job waits now.
    public mutating func waitReasons(for job: Job, at now: Timestamp) -> [WaitReason] {
        planner.waitReasons(for: job, in: cluster, at: now)
    }
}
