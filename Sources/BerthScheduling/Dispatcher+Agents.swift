public import BerthModel

/// What agents say of their nodes and attempts, and what they are told.
extension Dispatcher {
    /// Takes in what an agent says.
    ///
    /// - Parameter session: the stream it came on. A node's highest session is its present one; what comes on an older
    ///   one, or on one that was silent until its node was lost, is late and changes nothing. Whoever owns the streams
    ///   ends the stream of a node that is lost, so that its agent, if it lives, opens a new one.
    public mutating func receive(_ message: AgentMessage, from node: NodeName, session: UInt64, at now: Timestamp) {
        if case .hello(let registration, let statuses) = message {
            if let current = sessions[node]?.number, current >= session { return }
            let earlier = sessions[node]?.lastHeard
            sessions[node] = Session(number: session, lastHeard: now, heardBefore: earlier)
            welcome(registration, at: now)
            reconcile(node, statuses, at: now)
            sessions[node]?.heardBefore = nil
            return
        }
        guard sessions[node]?.number == session, sessions[node]?.lastHeard != nil else { return }
        sessions[node]?.lastHeard = now
        switch message {
        case .hello, .heartbeat: break
        case .update(let status): take(status, from: node, at: now)
        case .report(let attempt, let fence, let report):
            if isCurrent(attempt, fence: fence, on: node) { record(.reported(attempt: attempt, report), at: now) }
        }
    }

    private mutating func welcome(_ registration: NodeRegistration, at now: Timestamp) {
        guard let known = cluster.nodes[registration.name], known.registration == registration else {
            record(.nodeJoined(registration), at: now)
            return
        }
        if !known.isUp { record(.nodeReturned(registration.name), at: now) }
    }

    /// Brings what the agent has and what the cluster believes together.
    private mutating func reconcile(_ node: NodeName, _ statuses: [AttemptStatus], at now: Timestamp) {
        for status in statuses { take(status, from: node, at: now) }
        let known = Set(statuses.map(\.attempt))
        for id in cluster.nodes[node]?.known ?? [] where !known.contains(id) {
            let forgotten = AttemptEnd(
                cause: .nodeLost, message: "The agent of \(node) no longer knew of it.", endTime: now)
            switch cluster.state(of: id) {
            case let state? where isEnded(state, on: node):
                record(.staleAttemptEnded(attempt: id, node: node, forgotten), at: now)
            case .starting(let attempt) where cluster.task(id.task)?.isLaunchKnown(attempt, on: node) != true:
                sendStart(attempt, to: [node])
            case .starting, .running: end(id, on: node, forgotten, at: now)
            case .stopping(let attempt, let reason, _):
                // It may never have arrived: the agent answers a stop for what it does not know as well.
                send(.stop(attempt: id, fence: attempt.fence, reason), to: node)
            case .waiting, nil: record(.staleAttemptEnded(attempt: id, node: node, forgotten), at: now)
            }
        }
    }

    /// Whether this is the task's present attempt, and this node's to speak of.
    private func isCurrent(_ id: AttemptID, fence: UInt64, on node: NodeName) -> Bool {
        guard let state = cluster.state(of: id), let attempt = state.attempt else { return false }
        return attempt.fence == fence && attempt.rank(on: node) != nil && !isEnded(state, on: node)
    }

    /// Whether the attempt's member on the node has ended while others of its gang live.
    private func isEnded(_ state: TaskState, on node: NodeName) -> Bool {
        state.attempt.map { cluster.task($0.id.task)?.hasEnded($0, on: node) == true } ?? false
    }

    private mutating func take(_ status: AttemptStatus, from node: NodeName, at now: Timestamp) {
        let id = status.attempt
        guard isCurrent(id, fence: status.fence, on: node) else {
            takeStale(status, from: node, at: now)
            return
        }
        switch (status.phase, cluster.state(of: id)) {
        case (.ordered, .stopping(_, let reason, _)):
            send(.stop(attempt: id, fence: status.fence, reason), to: node)
        case (.ordered, _): break
        case (.running(let launch), .stopping(_, let reason, _)) where reason != .recalled:
            take(launch, of: id, from: node, at: now)
            send(.stop(attempt: id, fence: status.fence, reason), to: node)
        case (.running(let launch), _): take(launch, of: id, from: node, at: now)
        case (.ended(var attemptEnd, let launch), _):
            if let launch { take(launch, of: id, from: node, at: now) }
            for report in attemptEnd.reports { record(.reported(attempt: id, report), at: now) }
            attemptEnd.reports = []
            attemptEnd.outputTails = nil  // Whoever owns the streams keeps them, outside of the journal.
            end(id, on: node, attemptEnd, at: now)
            send(.acknowledge(attempt: id, fence: status.fence), to: node)
        }
    }

    /// Records a launch, the first time that it is told.
    private mutating func take(_ launch: Launch, of id: AttemptID, from node: NodeName, at now: Timestamp) {
        guard let task = cluster.task(id.task), let attempt = task.state.attempt,
            !task.isLaunchKnown(attempt, on: node)
        else { return }
        var launch = launch
        launch.rank = attempt.isGang ? attempt.rank(on: node) : nil
        record(.launched(attempt: id, launch), at: now)
        guard launch.bound.differs == true else { return }
        let text =
            launch.bound.notes.isEmpty
            ? "It is bound otherwise than planned." : launch.bound.notes.joined(separator: " ")
        record(.nodeFaulted(node, Node.Fault(kind: .binding, time: now, attempt: id, text: text)), at: now)
        judge(node, at: now)
    }

    /// An attempt that was given up: it must not go on, and its end changes nothing but the node's resources.
    private mutating func takeStale(_ status: AttemptStatus, from node: NodeName, at now: Timestamp) {
        guard case .ended(var end, _) = status.phase else {
            send(.stop(attempt: status.attempt, fence: status.fence, .stale), to: node)
            return
        }
        end.outputTails = nil
        let isLive = cluster.state(of: status.attempt).map { !isEnded($0, on: node) } ?? false
        if cluster.nodes[node]?.knows(status.attempt) == true, !isLive {
            record(.staleAttemptEnded(attempt: status.attempt, node: node, end), at: now)
        }
        send(.acknowledge(attempt: status.attempt, fence: status.fence), to: node)
    }

    /// Takes in that an attempt has ended on a node: the whole of it, or a member of a gang.
    mutating func end(_ id: AttemptID, on node: NodeName, _ attemptEnd: AttemptEnd, at now: Timestamp) {
        guard let attempt = cluster.state(of: id)?.attempt else { return }
        var attemptEnd = attemptEnd
        // What the node says at its hello that it has lost, since it was down, ran until it was last heard of before.
        if attemptEnd.cause == .nodeLost, attemptEnd.lastSeen == nil {
            attemptEnd.lastSeen = sessions[node]?.heardBefore
        }
        guard attempt.isGang, let rank = attempt.rank(on: node) else {
            end(id, attemptEnd, at: now)
            judge(node, at: now)
            return
        }
        record(.memberEnded(attempt: id, rank: rank, attemptEnd), at: now)
        judge(node, at: now)
        guard let gang = cluster.task(id.task)?.gang else { return }
        if gang.hasEnded {
            end(id, gang.end(of: attempt), at: now)
        } else if !attemptEnd.isSuccess {
            stop(attempt, .memberFailed, by: "berth", at: now)
        }
    }

    /// Gives a node up, and what lives on it.
    mutating func lose(_ node: Node, _ attemptEnd: AttemptEnd, at now: Timestamp) {
        record(.nodeLost(node.name), at: now)
        for id in node.known where cluster.isLive(id, on: node.name) {
            end(id, on: node.name, attemptEnd, at: now)
        }
    }

    private mutating func end(_ id: AttemptID, _ attemptEnd: AttemptEnd, at now: Timestamp) {
        guard let job = cluster.jobs[id.task.job], let task = cluster.task(id.task) else { return }
        let limits = cluster.configuration.failures
        var disposition = disposition(of: attemptEnd, task: task, job: job, attempt: id, limits, at: now)
        if case .waits = disposition, let problem = memoryProblem(after: attemptEnd, of: job, task, at: now) {
            disposition = .ended(
                Outcome(state: .failed, reason: .outOfMemory, signal: attemptEnd.signal, message: problem))
        }
        record(.attemptEnded(attempt: id, attemptEnd, then: disposition), at: now)
        // The job leaves the node out now, and what waits there would fare no better.
        if attemptEnd.isLoss, attemptEnd.cause != .nodeLost, let attempt = task.state.attempt, !attempt.isGang {
            recallSuccessors(on: attempt.allocation.node, of: job.id, at: now)
        }
        switch disposition {
        case .ended(let outcome): judge(job.family, after: id, attemptEnd, outcome, at: now)
        case .waits: keepBack(id.task, after: id, attemptEnd, at: now)
        }
    }

    /// Why a task that is to have more memory can never get it; nil where it can.
    private mutating func memoryProblem(
        after attemptEnd: AttemptEnd, of job: Job, _ task: Job.Task, at now: Timestamp
    ) -> String? {
        guard let attempt = task.state.attempt, let bytes = job.memory(after: attemptEnd, of: attempt),
            let miss = planner.nearestMiss(
                for: job.specification, job.shapes(withMemory: bytes), in: cluster, at: now)
        else { return nil }
        return
            "It ran out of memory, and was to have \(ByteCount.text(bytes)) next, which no node could give. The nearest "
            + "is \(miss.node): " + miss.shortfalls.map(\.permanentDescription).joined(separator: "; ") + "."
    }

    /// Sends the order to the attempt's nodes, or to some of them.
    mutating func sendStart(_ attempt: Attempt, to nodes: [NodeName]? = nil) {
        guard let job = cluster.jobs[attempt.id.task.job] else { return }
        var specification = job.specification
        let queue = cluster.configuration.queue(specification.queue)
        specification.timeLimit = specification.timeLimit(in: queue)
        let order = AttemptOrder(
            attempt: attempt, specification: specification, user: job.submission.user,
            maximumGrace: queue?.maximumGrace ?? Queue.shipped[0].maximumGrace, rendezvous: rendezvous(of: attempt),
            checkpointSource: checkpointSource(of: attempt, specification), after: attemptsAhead(of: attempt))
        for node in nodes ?? attempt.allocations.map(\.node) { send(.start(order), to: node) }
    }

    private func attemptsAhead(of attempt: Attempt) -> [AttemptID]? {
        guard cluster.isSuccessor(attempt) else { return nil }
        return cluster.nodes[attempt.allocation.node]?.ahead(of: attempt.id)
    }

    /// Another node, if what the task has saved in a directory of Berth's lies there. A directory that the job names is
    /// its own affair, and so are those of a gang, which has one on each of its nodes.
    private func checkpointSource(of attempt: Attempt, _ specification: JobSpecification) -> NodeName? {
        guard !attempt.isGang, specification.checkpointDirectory == nil,
            let node = cluster.task(attempt.id.task)?.checkpointNode, node != attempt.allocation.node
        else { return nil }
        return node
    }

    private func rendezvous(of attempt: Attempt) -> AttemptOrder.Rendezvous? {
        guard attempt.isGang else { return nil }
        let addresses = attempt.allocations.map { cluster.nodes[$0.node]?.registration.address ?? $0.node.text }
        return AttemptOrder.Rendezvous(addresses: addresses, port: AttemptOrder.Rendezvous.port(for: attempt.fence))
    }
}

extension Job.Task {
    /// Whether the attempt's process on the node is known to have started.
    fileprivate func isLaunchKnown(_ attempt: Attempt, on node: NodeName) -> Bool {
        if let gang, let rank = attempt.rank(on: node) { return gang.members[rank].startTime != nil }
        switch state {
        case .running, .stopping(_, _, since: .some): return true
        case .waiting, .starting, .stopping(_, _, since: nil): return false
        }
    }
}
