/// The life of attempts: what they hold, and what becomes of their tasks.
extension Cluster {
    mutating func start(_ attempt: Attempt, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        let id = attempt.id.task
        let index = id.index ?? 0
        let before = jobs[id.job]?.tasks[index]
        try require(jobs[id.job] != nil, event, "there is no job \(id.job) that has not ended")
        try require(attempt.fence >= nextFence, event, "fence \(attempt.fence) was given before")
        try require(attempt.id.number == (before?.attempts ?? 0) + 1, event, "attempts are numbered in order")
        if let before {
            try require(before.state.attempt == nil, event, "task \(id) holds resources already")
        } else {
            try require(jobs[id.job]?.untouched.contains(index) == true, event, "task \(id) does not wait")
        }
        let allocations = attempt.allocations
        if let predecessor = attempt.predecessor { try checkSuccession(of: attempt, behind: predecessor, event) }
        for (rank, allocation) in allocations.enumerated() {
            let node = nodes[allocation.node]
            try require(attempt.rank(on: allocation.node) == rank, event, "two members are on \(allocation.node)")
            try require(node?.isUp == true, event, "node \(allocation.node) is not up")
            try require(
                attempt.predecessor != nil || node?.free.covers(allocation) == true, event,
                "its resources are not free")
        }

        for allocation in allocations {
            try existing(allocation.node, event) { node in
                if let predecessor = attempt.predecessor {
                    return node.line(up: attempt.id, behind: predecessor, at: time)
                }
                node.free.take(allocation)
                node.given[attempt.id] = allocation
            }
        }
        nextFence = attempt.fence + 1
        forecasts.start(id.job, at: time)
        try existing(id.job, event) { job in
            job.untouched.remove(index)
            if before != nil { job.waitingAgain -= 1 }
            job.active += 1
            if attempt.predecessor != nil { job.successors += 1 }
            job.hasStarted = true
            job.tasks[index] = Job.Task(
                state: .starting(attempt), attempts: attempt.id.number, retries: before?.retries ?? 0,
                checkpointTime: before?.checkpointTime)
            job.tasks[index]?.checkpointNode = before?.checkpointNode
            job.tasks[index]?.losses = before?.losses ?? 0
            if attempt.isGang { job.tasks[index]?.gang = Job.Gang(size: attempt.worldSize) }
        }
        if attempt.predecessor == nil { count(attempt, by: 1, at: time) }
        resolve(id.job) { $0 == .started }
    }

    /// Counts what an attempt holds from now on, or no longer holds.
    mutating func count(_ attempt: Attempt, by change: Int, at time: Timestamp) {
        guard let job = jobs[attempt.id.task.job] else { return }
        count(job, by: change)
        charge(job, for: attempt, by: Double(change), at: time)
    }

    private mutating func count(_ job: Job, by change: Int) {
        running[job.specification.queue, default: 0] += change
        if running[job.specification.queue] == 0 { running[job.specification.queue] = nil }
        let user = QueueUser(queue: job.specification.queue, user: job.submission.user)
        runningByUser[user, default: 0] += change
        if runningByUser[user] == 0 { runningByUser[user] = nil }
    }

    /// Counts what the job's user and project hold from now on, or no longer hold.
    private mutating func charge(_ job: Job, for attempt: Attempt, by sign: Double, at time: Timestamp) {
        let account = job.specification.account
        usage.change(
            rate: sign * attempt.allocations.reduce(0) { $0 + UsageLedger.charge(for: $1) },
            of: [.project(account), .user(job.submission.user, project: account)], at: time,
            halfLife: configuration.planning.fairShare.halfLife)
    }

    mutating func take(_ attempt: AttemptID, _ report: Report, _ event: ClusterEvent) throws(IllegalTransition) {
        try require(state(of: attempt) != nil, event, "\(attempt) is not live")
        guard report.checkpoint != nil else { return }
        try existing(attempt.task.job, event) { $0.tasks[attempt.task.index ?? 0]?.checkpointTime = report.time }
    }

    mutating func launched(_ attempt: AttemptID, _ launch: Launch, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        guard let state = state(of: attempt) else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is not live")
        }
        if let rank = launch.rank, let gang = task(attempt.task)?.gang {
            try require(gang.members.indices.contains(rank), event, "it has no member of rank \(rank)")
        }
        var startTime: Timestamp? = launch.startTime
        if let live = state.attempt {
            noteStart(of: live, launch, at: time)
            noteSlot(of: live, launch, at: time)
        }
        if let rank = launch.rank, var gang = task(attempt.task)?.gang {
            gang.members[rank].startTime = launch.startTime
            startTime = gang.startTime
            try existing(attempt.task.job, event) { $0.tasks[attempt.task.index ?? 0]?.gang = gang }
        }
        guard let startTime else { return }
        let next: TaskState? =
            switch state {
            case .starting(let attempt): .running(attempt, since: startTime)
            // It had begun before it was recalled.
            case .stopping(let attempt, .recalled, since: nil): .running(attempt, since: startTime)
            case .stopping(let attempt, let reason, since: nil): .stopping(attempt, reason, since: startTime)
            case .waiting, .running, .stopping: nil
            }
        guard let next else { return }
        let node = state.attempt?.isGang == true ? nil : state.attempt?.allocation.node
        try existing(attempt.task.job, event) {
            $0.tasks[attempt.task.index ?? 0]?.state = next
            $0.tasks[attempt.task.index ?? 0]?.checkpointNode = node
        }
    }

    mutating func stop(_ attempt: AttemptID, _ reason: StopReason, _ event: ClusterEvent)
        throws(IllegalTransition)
    {
        guard let state = state(of: attempt), let live = state.attempt else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is not live")
        }
        let since: Timestamp? =
            switch state {
            case .running(_, let since), .stopping(_, _, let since?): since
            case .waiting, .starting, .stopping: nil
            }
        try existing(attempt.task.job, event) {
            $0.tasks[attempt.task.index ?? 0]?.state = .stopping(live, reason, since: since)
        }
    }

    mutating func end(
        _ attempt: AttemptID, rank: Int, _ memberEnd: AttemptEnd, _ event: ClusterEvent, at time: Timestamp
    ) throws(IllegalTransition) {
        guard let state = state(of: attempt), let live = state.attempt, var gang = task(attempt.task)?.gang else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is no live gang")
        }
        try require(gang.members.indices.contains(rank), event, "it has no member of rank \(rank)")
        try require(gang.members[rank].end == nil, event, "its member of rank \(rank) has ended")
        // On a lost node the process may live on: its resources are free only when the agent says so.
        let node = live.allocations[rank].node
        if nodes[node]?.isUp == true { free(attempt, on: node, at: time) }
        gang.members[rank].end = memberEnd
        if gang.failedRank == nil, !memberEnd.isSuccess, memberEnd.cause != .stopped {
            gang.failedRank = rank
            noteEnd(of: live, state, memberEnd, on: node, at: time)
        }
        try existing(attempt.task.job, event) { $0.tasks[attempt.task.index ?? 0]?.gang = gang }
    }

    mutating func end(
        _ attempt: AttemptID, _ attemptEnd: AttemptEnd, _ disposition: ClusterEvent.Disposition, _ event: ClusterEvent,
        at time: Timestamp
    ) throws(IllegalTransition) {
        guard let state = state(of: attempt), let live = state.attempt else {
            throw IllegalTransition(event: event.name, problem: "\(attempt) is not live")
        }
        if let gang = task(attempt.task)?.gang { try require(gang.hasEnded, event, "a member of the gang lives") }
        let held = !isSuccessor(live)
        if held { count(live, by: -1, at: time) }
        // On a lost node the process may live on: its resources are free only when the agent says so.
        if !live.isGang, nodes[live.allocation.node]?.isUp == true { free(attempt, on: live.allocation.node, at: time) }
        let index = attempt.task.index ?? 0
        try existing(attempt.task.job, event) { job in
            job.active -= 1
            if !held { job.successors -= 1 }
            switch disposition {
            case .ended(let outcome):
                job.tasks[index] = nil
                job.ended.count(outcome.state, 1)
            case .waits(let notBefore, let countsAsRetry):
                job.tasks[index]?.state = .waiting(notBefore: notBefore)
                job.tasks[index]?.isReturning = !countsAsRetry
                job.tasks[index]?.gang = nil
                job.tasks[index]?.countLoss(attemptEnd, state)
                if let memory = job.memory(after: attemptEnd, of: live) { job.raisedMemoryBytes = memory }
                if countsAsRetry { job.tasks[index]?.retries += 1 }
                job.waitingAgain += 1
            }
        }
        if let job = jobs[attempt.task.job] {
            observe(attemptEnd, of: job, state, live)
            noteSlotEnd(of: live, job, at: time)
            if !live.isGang || attemptEnd.isSuccess {
                for node in live.allocations.map(\.node) { noteEnd(of: live, state, attemptEnd, on: node, at: time) }
            }
            count(disposition, attemptEnd, of: job, live, at: time)
            retire(job, at: time)
        }
    }

    /// Learns how long a run took that came to its own end, or to its limit.
    private mutating func observe(_ end: AttemptEnd, of job: Job, _ state: TaskState, _ attempt: Attempt) {
        guard end.cause == .exit || end.cause == .timeLimit, case .running(_, let since) = state else { return }
        let seconds = max(0, (end.endTime - since).inSeconds)
        jobs[job.id]?.observe(ranSeconds: seconds)
        let models = Set(
            attempt.allocations.flatMap { nodes[$0.node]?.inventory.models(of: $0) ?? [] })
        runTimes.observe(
            job.specification.runTimeFeatures(
                user: job.submission.user, queue: configuration.queue(job.specification.queue)),
            ranSeconds: seconds, on: models.sorted(),
            stated: job.shapes.indices.contains(attempt.allocation.shape)
                ? job.shapes[attempt.allocation.shape].throughput : nil)
    }

    mutating func free(_ attempt: AttemptID, on name: NodeName, at time: Timestamp) {
        guard var node = nodes.removeValue(forKey: name) else { return }
        let heir = node.release(attempt, at: time)
        nodes[name] = node
        if let heir { inherit(heir, at: time) }
    }

    mutating func clear(
        _ attempt: AttemptID, from name: NodeName, _ event: ClusterEvent, at time: Timestamp
    ) throws(IllegalTransition) {
        try require(nodes[name]?.knows(attempt) == true, event, "\(attempt) is not on \(name)")
        if let live = state(of: attempt)?.attempt, let rank = live.rank(on: name) {
            let hasEnded = task(attempt.task)?.gang?.members[rank].end != nil
            try require(hasEnded, event, "\(attempt) is live")
        }
        free(attempt, on: name, at: time)
    }
}
