import BerthModel

/// Making room by stopping what may be stopped.
///
/// Whoever is stopped comes after the one it is stopped for: it is of a lower tier, or of the same tier and holds what
/// its project borrowed while the other stays within its quota. An attempt's place in this order never changes while it
/// runs. So with each preemption the counts of running attempts, from the highest place to the lowest, grow in
/// lexicographic order (one more in the preemptor's place, fewer only in later ones); that order has no endless rise in
/// a cluster of finite size, and no two jobs can stop each other for ever.
extension Planner {
    /// Victims on one node that make room for one task there, and no fewer of them would.
    private struct Eviction {
        var slot: Int
        var victims: [RunningAttempt]
        var cost: Double
    }

    /// Chooses who has to go for a job, if anybody can: the nodes where it costs least. Decided only as a whole: where
    /// not all of a gang's nodes can be had, nobody is stopped.
    ///
    /// - Returns: whether the job gets, or is getting, its place so. That place is kept free for it.
    /// - Complexity: O(n·a) for n nodes with a attempts that may be stopped.
    mutating func preempt(
        for job: WaitingJob, _ priority: JobPriority, _ line: WaitingLines.Line, _ spans: Spans, _ round: inout Round
    ) -> Bool {
        for (shape, number) in line.shapes.enumerated() where isWithinQuotas(number, line.terms) {
            let count = shapes[number].shape.request.nodes
            let evictions = fleet.slotsInOrder.compactMap { eviction(for: number, on: $0, priority, spans, round) }
                .enumerated().sorted {
                    ($0.element.cost, $0.element.victims.count, $0.offset)
                        < ($1.element.cost, $1.element.victims.count, $1.offset)
                }.prefix(count).map(\.element)
            guard evictions.count == count else { continue }
            let victims = neededVictims(of: evictions, for: number)
            if !victims.isEmpty {
                let cost = victims.reduce(0) { $0 + Self.cost(of: $1, at: round.now) }
                round.plan.preemptions.append(
                    Plan.Preemption(job: job.id, victims: victims.map(\.id), cost: cost))
                stop(Set(victims.map(\.id)), at: round.now)
            }
            keep(evictions.map(\.slot), for: job, shape: shape, line, spans, from: round.now, &round)
            return true
        }
        return false
    }

    /// The cheapest victims on a node, none where enough is free or getting free already; nil where even all of them
    /// would not do.
    private mutating func eviction(
        for number: Int, on slot: Int, _ priority: JobPriority, _ spans: Spans, _ round: Round
    ) -> Eviction? {
        let node = fleet.nodes[slot]
        guard round.reserved[slot] == nil, let fit = shapes.fit(number, on: node.make, fleet) else { return nil }
        guard mayEnd(on: node.make, spans, round) else { return nil }
        func hasRoom(_ gone: [RunningAttempt]) -> Bool {
            self.hasRoom(for: number, fit, on: slot, without: Set(gone.map(\.id)))
        }
        let candidates = node.running.filter { mayStop($0, for: priority, at: round.now) }
            .map { (attempt: $0, cost: Self.cost(of: $0, at: round.now)) }
            .sorted { ($0.cost, $0.attempt.id) < ($1.cost, $1.attempt.id) }
        return leastVictims(of: candidates) { hasRoom($0.map(\.attempt)) }.map { victims in
            Eviction(slot: slot, victims: victims.map(\.attempt), cost: victims.reduce(0) { $0 + $1.cost })
        }
    }

    /// Whether a task fits on a node once these attempts are gone, and those that have been asked to end.
    private func hasRoom(for number: Int, _ fit: ShapeFit, on slot: Int, without gone: Set<AttemptID>) -> Bool {
        let node = fleet.nodes[slot]
        let make = fleet.makes[node.make]
        let free = node.free(without: node.running.filter { $0.isStopping || gone.contains($0.id) })
        let request = shapes[number].shape.request
        return fit.fits(make.summary(of: free, capacity: node.node.capacity, make: node.make))
            && NodeFit(node: node.node, layout: make.layout, request: request, free: free).placement(shape: 0)
                .allocation != nil
    }

    /// Each victim once. A gang that is stopped for one node goes from the others as well, and that may spare victims
    /// there: those that cost most are spared first.
    private mutating func neededVictims(of evictions: [Eviction], for number: Int) -> [RunningAttempt] {
        var seen: Set<AttemptID> = []
        var victims = evictions.flatMap(\.victims).filter { seen.insert($0.id).inserted }
        guard evictions.count > 1 else { return victims }
        for victim in victims.reversed() {
            let rest = victims.filter { $0.id != victim.id }
            let areEnough = evictions.allSatisfy { eviction in
                guard let fit = shapes.fit(number, on: fleet.nodes[eviction.slot].make, fleet) else { return false }
                return hasRoom(for: number, fit, on: eviction.slot, without: Set(rest.map(\.id)))
            }
            if areEnough { victims = rest }
        }
        return victims
    }

    private func mayStop(_ attempt: RunningAttempt, for priority: JobPriority, at now: Timestamp) -> Bool {
        guard attempt.isPreemptible, !attempt.isStopping, attempt.id.number > 0 else { return false }
        let place = PreemptionPlace(tier: attempt.tier, isBorrowing: attempt.isBorrowing)
        let protected = configuration.queue(attempt.queue)?.minimumRunTime ?? .zero
        return place < PreemptionPlace(tier: priority.tier, isBorrowing: priority.isBorrowing)
            && now - attempt.startTime >= protected
    }

    /// What stopping an attempt costs, in core-seconds: what it did since its last checkpoint and a minute for stopping,
    /// restoring and starting again, times what it holds.
    static func cost(of attempt: RunningAttempt, at now: Timestamp) -> Double {
        let lost = max(0, (now - max(attempt.checkpointTime ?? attempt.startTime, attempt.startTime)).inSeconds)
        return (lost + 60) * max(UsageLedger.charge(for: attempt.allocation), 0.001)
    }

    /// A gang's parts on all its nodes.
    private mutating func stop(_ victims: Set<AttemptID>, at now: Timestamp) {
        for slot in fleet.nodes.indices where fleet.nodes[slot].running.contains(where: { victims.contains($0.id) }) {
            let running = fleet.nodes[slot].running.map { attempt in
                guard victims.contains(attempt.id) else { return attempt }
                var stopping = attempt
                stopping.isStopping = true
                return stopping
            }
            put(fleet.node(slot), running: running, at: now)
        }
    }
}
