public import BerthModel
public import BerthPlanner

/// Something that could become of the cluster.
public enum Supposition: Sendable {
    /// Jobs come.
    case submitted([Dispatcher.RequestedJob])
    /// Nodes come.
    case joined([NodeRegistration])
    /// A node is lost, and what runs there waits again.
    case lost(NodeName)
    /// Queues or planning policy are others.
    case configured(ClusterConfiguration)
}

/// What a supposition would change, for everybody who waits.
public struct WhatIf: Sendable {
    /// By job, in the order of their numbers.
    public var jobs: [Change]
    /// Attempts that run now and would be stopped for others, and otherwise would not.
    public var preempted: [AttemptID]
    /// Whether a bound on work ended one of the two forecasts before its horizon.
    public var isCut: Bool

    /// A job's start without and with it; nil is beyond the horizon, or never by itself.
    public struct Change: Hashable, Sendable {
        public var job: Job.ID
        public var name: String
        public var user: String
        /// Whether the supposition brings it.
        public var isNew: Bool
        public var before: Timestamp?
        public var after: Timestamp?

        public enum Direction: String, Hashable, Sendable, Codable { case earlier, later, same, new }

        public var direction: Direction {
            if isNew { return .new }
            switch (before, after) {
            case (let before?, let after?): return after == before ? .same : after < before ? .earlier : .later
            case (nil, _?): return .earlier
            case (_?, nil): return .later
            case (nil, nil): return .same
            }
        }

        /// From the start without it to the start with it, negative where it is earlier; nil where one has no time.
        public var difference: Duration? {
            guard let before, let after else { return nil }
            return after - before
        }
    }
}

extension Dispatcher {
    /// What would follow for everybody if these things became true at once, in their order. Nothing is changed.
    ///
    /// - Parameter user: whose jobs those are that a supposition submits.
    /// - Complexity: two courses of the whole cluster, each bounded as `bounds` says.
    public func whatIf(
        _ suppositions: [Supposition], by user: String, history: some History, at now: Timestamp,
        _ bounds: ForecastBounds = ForecastBounds()
    ) throws(Refusal) -> WhatIf {
        var (own, other) = (self, self)
        for supposition in suppositions { try other.suppose(supposition, by: user, history: history, at: now) }
        let before = own.planner.forecast(own.cluster, at: now, bounds).expectedCourse()
        let after = other.planner.forecast(other.cluster, at: now, bounds).expectedCourse()
        let waiting = other.cluster.jobs.values.filter { $0.hasWaitingTasks }.sorted { $0.id < $1.id }
        let running = Set(cluster.nodes.values.flatMap(\.given.keys))
        let preempted = Set(after.preemptions.flatMap(\.victims)).intersection(running)
            .subtracting(before.preemptions.flatMap(\.victims))
        return WhatIf(
            jobs: waiting.map { job in
                WhatIf.Change(
                    job: job.id, name: job.specification.name, user: job.submission.user,
                    isNew: cluster.jobs[job.id]?.hasWaitingTasks != true, before: before.starts[job.id],
                    after: after.starts[job.id])
            }, preempted: preempted.sorted(), isCut: before.isCut || after.isCut)
    }

    private mutating func suppose(
        _ supposition: Supposition, by user: String, history: some History, at now: Timestamp
    ) throws(Refusal) {
        switch supposition {
        case .submitted(let jobs):
            // Longer than any key that a submission may have: it cannot have been used.
            let key = String(repeating: "?", count: 201)
            let request = SubmissionRequest(jobs: jobs, user: user, key: key, contentDigest: "")
            _ = try submit(request, history: history, at: now)
        case .joined(let registrations):
            for registration in registrations { record(.nodeJoined(registration), at: now) }
        case .lost(let name):
            guard let node = cluster.nodes[name] else { throw .noNode(name, known: cluster.nodes.keys.map(\.text)) }
            guard node.isUp else { return }
            lose(node, AttemptEnd(cause: .nodeLost, endTime: now), at: now)
        case .configured(let configuration): configure(configuration, at: now)
        }
    }

    /// When a waiting job is expected to start and what would make it start earlier; nil for one that does not wait.
    public mutating func prospect(of id: Job.ID, at now: Timestamp) -> JobProspect? {
        guard let job = cluster.jobs[id], job.hasWaitingTasks else { return nil }
        return planner.prospect(of: job, in: cluster, at: now)
    }

    /// How long a job that waits will wait yet; nil where that cannot be told.
    ///
    /// - Complexity: as a forecast's, which see: for a copy, beside the rounds.
    public mutating func waitForecast(of id: Job.ID, at now: Timestamp) -> WaitForecast? {
        guard cluster.jobs[id]?.hasWaitingTasks == true else { return nil }
        return planner.forecast(cluster, at: now).start(of: id).wait
    }

    /// Records how long a job was foreseen to wait, so that later forecasts learn from what comes of it. Of one that has
    /// started meanwhile, or is held, nothing is to be learned.
    public mutating func note(_ forecast: WaitForecast, of id: Job.ID, at now: Timestamp) {
        guard let job = cluster.jobs[id], !job.hasStarted, !job.isHeld else { return }
        record(.foreseen(job: id, forecast), at: now)
    }
}

extension NodeRegistration {
    /// Copies of a node with names that none of `names` has.
    public func copies(_ count: Int, apartFrom names: some Collection<NodeName>) -> [NodeRegistration] {
        var taken = Set(names)
        var copies: [NodeRegistration] = []
        var number = 1
        while copies.count < count {
            var copy = self
            copy.isLeaving = false
            copy.name = NodeName("\(name)-copy\(number)")
            number += 1
            if taken.insert(copy.name).inserted { copies.append(copy) }
        }
        return copies
    }
}
