/// What repeats itself: job families that fail, nodes that fail jobs, tasks whose attempts come to nothing.
extension Cluster {
    /// Holds a job; for nobody's reason but a person's where no hold is given.
    mutating func hold(_ id: Job.ID, _ hold: JobHold?, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        try existing(id, event) { job in
            job.isHeld = true
            job.hold = hold
            job.isOnProbation = false
        }
        forecasts.withdraw(id, at: time)
        if let job = jobs[id] { families.setProbation(false, of: id, job.family, at: time) }
    }

    mutating func hold(_ ids: [Job.ID], _ hold: JobHold, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        for id in ids { try require(jobs[id] != nil, event, "there is no job \(id)") }
        for id in ids { try self.hold(id, hold, event, at: time) }
        if let family = hold.family { families.hold(family, hold, at: time) }
    }

    /// Lets a job go. One whose family fails tries a task first.
    mutating func release(_ id: Job.ID, _ event: ClusterEvent, at time: Timestamp) throws(IllegalTransition) {
        try existing(id, event) { job in
            job.isHeld = false
            guard job.hold != nil else { return }
            job.hold = nil
            job.tasks = job.tasks.mapValues { task in
                var task = task
                task.losses = 0
                return task
            }
        }
        try putOnProbation(id, event, at: time)
    }

    mutating func putOnProbation(_ id: Job.ID, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        guard let family = jobs[id]?.family, families.hold(of: family) != nil else { return }
        try existing(id, event) { $0.isOnProbation = true }
        families.setProbation(true, of: id, family, at: time)
    }

    mutating func release(
        _ family: JobFamily, _ ids: [Job.ID], _ event: ClusterEvent, at time: Timestamp
    ) throws(IllegalTransition) {
        for id in ids { try require(jobs[id] != nil, event, "there is no job \(id)") }
        for id in ids {
            try existing(id, event) { job in
                job.isOnProbation = false
                guard job.hold?.family == family else { return }
                job.isHeld = false
                job.hold = nil
            }
        }
        families.release(family, at: time)
    }

    /// What a start says of its node and its family.
    mutating func noteStart(of attempt: Attempt, _ launch: Launch, at time: Timestamp) {
        let allocations = attempt.allocations
        let rank = launch.rank ?? 0
        guard launch.bound.differs != true, allocations.indices.contains(rank),
            let family = jobs[attempt.id.task.job]?.family
        else { return }
        let name = allocations[rank].node
        families.launched(family, on: name, at: time)
        if nodes[name]?.troubles != nil { nodes[name]?.startedWell() }
    }

    /// What the end of an attempt, or of the member that ended a gang, says of the node it was on.
    ///
    /// - Parameter state: what the attempt did before its end; one that was told to stop may end in any way.
    mutating func noteEnd(
        of attempt: Attempt, _ state: TaskState, _ end: AttemptEnd, on name: NodeName, at time: Timestamp
    ) {
        if end.isSuccess {
            if nodes[name]?.troubles != nil { nodes[name]?.troubles = nil }
            return
        }
        if case .stopping = state { return }
        guard let job = jobs[attempt.id.task.job] else { return }
        if let trouble = NodeTrouble(end, of: attempt.id, family: job.family, at: time) { nodes[name]?.note(trouble) }
        // One that is lost gets nothing before it is back.
        if end.isLoss, end.cause != .nodeLost {
            jobs[job.id]?.avoid(name, until: time + FailureLimits.avoidance)
        }
    }

    /// Counts how a task ended, for its family.
    mutating func count(
        _ disposition: ClusterEvent.Disposition, _ end: AttemptEnd, of job: Job, _ attempt: Attempt, at time: Timestamp
    ) {
        guard case .ended(let outcome) = disposition else { return }
        switch outcome.state {
        case .succeeded: families.succeeded(job.family, on: attempt.allocations.map(\.node), at: time)
        case .failed where end.isOwnFailure, .timedOut: families.failed(job.family, attempt.id, end.summary, at: time)
        case .failed, .cancelled: break
        }
    }

    /// A fault that was found on a node.
    mutating func take(_ fault: Node.Fault, of name: NodeName, _ event: ClusterEvent) throws(IllegalTransition) {
        let family = jobs[fault.attempt.task.job]?.family
        try existing(name, event) { node in
            node.faults = ((node.faults ?? []) + [fault]).suffix(Node.keptFaults)
            guard fault.kind == .binding, let family else { return }
            node.note(
                NodeTrouble(
                    kind: .binding, time: fault.time, attempt: fault.attempt, family: family, text: fault.text))
        }
    }
}
