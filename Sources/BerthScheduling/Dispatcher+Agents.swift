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
            sessions[node] = Session(number: session, lastHeard: now)
            welcome(registration, at: now)
            reconcile(node, statuses, at: now)
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
        for id in (cluster.nodes[node]?.given.keys ?? [:].keys).sorted() where !known.contains(id) {
            let forgotten = AttemptEnd(
                cause: .nodeLost, message: "The agent of \(node) no longer knew of it.", endTime: now)
            switch cluster.state(of: id) {
            case .starting(let attempt): sendStart(attempt)
            case .running: end(id, forgotten, at: now)
            case .stopping(let attempt, let reason, _):
                // It may never have arrived: the agent answers a stop for what it does not know as well.
                send(.stop(attempt: id, fence: attempt.fence, reason), to: node)
            case .waiting, nil: record(.staleAttemptEnded(attempt: id, node: node, forgotten), at: now)
            }
        }
    }

    /// Whether this is the task's present attempt, and this node's to speak of.
    private func isCurrent(_ id: AttemptID, fence: UInt64, on node: NodeName) -> Bool {
        guard let attempt = cluster.state(of: id)?.attempt else { return false }
        return attempt.fence == fence && attempt.allocation.node == node
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
        case (.running(let launch), .starting): record(.launched(attempt: id, launch), at: now)
        case (.running(let launch), .stopping(_, let reason, let since)):
            if since == nil { record(.launched(attempt: id, launch), at: now) }
            send(.stop(attempt: id, fence: status.fence, reason), to: node)
        case (.running, _): break
        case (.ended(var attemptEnd, let launch), let state):
            if let launch, state?.isLaunchKnown == false { record(.launched(attempt: id, launch), at: now) }
            for report in attemptEnd.reports { record(.reported(attempt: id, report), at: now) }
            attemptEnd.reports = []
            end(id, attemptEnd, at: now)
            send(.acknowledge(attempt: id, fence: status.fence), to: node)
        }
    }

    /// An attempt that was given up: it must not go on, and its end changes nothing but the node's resources.
    private mutating func takeStale(_ status: AttemptStatus, from node: NodeName, at now: Timestamp) {
        guard case .ended(let end, _) = status.phase else {
            send(.stop(attempt: status.attempt, fence: status.fence, .stale), to: node)
            return
        }
        if cluster.nodes[node]?.given[status.attempt] != nil, cluster.state(of: status.attempt) == nil {
            record(.staleAttemptEnded(attempt: status.attempt, node: node, end), at: now)
        }
        send(.acknowledge(attempt: status.attempt, fence: status.fence), to: node)
    }

    mutating func end(_ id: AttemptID, _ attemptEnd: AttemptEnd, at now: Timestamp) {
        guard let job = cluster.jobs[id.task.job], let task = cluster.task(id.task) else { return }
        let disposition = disposition(of: attemptEnd, task: task, job: job, attempt: id, at: now)
        record(.attemptEnded(attempt: id, attemptEnd, then: disposition), at: now)
    }

    mutating func sendStart(_ attempt: Attempt) {
        guard let job = cluster.jobs[attempt.id.task.job] else { return }
        var specification = job.specification
        let queue = cluster.configuration.queue(specification.queue)
        specification.timeLimit = specification.timeLimit(in: queue)
        let order = AttemptOrder(
            attempt: attempt, specification: specification, user: job.submission.user,
            maximumGrace: queue?.maximumGrace ?? Queue.shipped[0].maximumGrace)
        send(.start(order), to: attempt.allocation.node)
    }
}

extension TaskState {
    /// Whether the attempt's process is known to have started.
    fileprivate var isLaunchKnown: Bool {
        switch self {
        case .running, .stopping(_, _, since: .some): true
        case .waiting, .starting, .stopping(_, _, since: nil): false
        }
    }
}
