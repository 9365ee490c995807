import BerthModel

/// Where a task goes.
extension Planner {
    /// The nodes chosen, and what they were chosen from.
    struct Choice {
        var allocations: [Allocation]
        /// How fast it goes there; a gang as fast as its slowest member.
        var speed: Double
        /// The best first, the chosen one before all others.
        var candidates: [(node: NodeName, score: PlacementScore)]
    }

    /// How long a task may hold what it gets.
    struct Spans {
        /// As expected on the type of device where it goes fastest; nil where nothing is known.
        var expected: Duration?
        /// At the longest; nil where nothing ends it.
        var limit: Duration?

        /// As expected where it goes at this part of its highest speed.
        func expected(atSpeed speed: Double) -> Duration? {
            guard speed < 1, let expected else { return expected }
            let scaled = Duration.microseconds(Int64(min(expected.inSeconds / speed, 1e9) * 1_000_000))
            return limit.map { min($0, scaled) } ?? scaled
        }

        /// Whether a task that starts at `start` is over when its node must be empty.
        func mayEnd(by closing: Timestamp?, from start: Timestamp) -> Bool {
            guard let closing else { return true }
            return limit.map { start + $0 <= closing } ?? false
        }
    }

    /// The best place for one task of a shape now, or for a gang the best nodes together: those that the usual jobs miss
    /// least, the least name among equals.
    ///
    /// - Complexity: O(g) for the g groups that the shape fits on; of a gang O(n log n).
    mutating func choice(_ number: Int, _ terms: WaitingTerms, _ spans: Spans, _ round: Round) -> Choice? {
        let count = shapes[number].shape.request.nodes
        guard count == 1 else {
            return gangChoice(number, shapes.scored(number, fleet), count: count, spans, round)
        }
        let (best, total) = shapes.leading(number, fleet)
        var found = firstRoom(number, in: best, spans, round)
        if total > best.count, let last = best.last, found.map({ !isSettled($0, by: last) }) ?? true {
            found = firstRoom(number, in: inOrder(shapes.scored(number, fleet)), spans, round)
        }
        guard let found else { return nil }
        for place in [warmRoom(number, terms, spans, round, rather: found), found].compactMap(\.self) {
            guard let allocation = exactFit(number, on: place.slot) else { continue }
            return Choice(
                allocations: [allocation], speed: speed(of: number, on: [place.slot]),
                candidates: candidates(best, chosen: allocation.node, place.score))
        }
        return nil
    }

    private typealias Found = (slot: Int, score: PlacementScore)

    /// The node with a warm slot of the user's on which the task is over first, if that is sooner than on the node found by
    /// the seconds that the slot saves; where nobody knows how long it takes, one on which it goes no slower.
    private mutating func warmRoom(
        _ number: Int, _ terms: WaitingTerms, _ spans: Spans, _ round: Round, rather found: Found
    ) -> Found? {
        guard let pool = terms.pool else { return nil }
        let places = round.facts.warmSlots.places(of: pool, user: terms.user, at: round.now)
        guard !places.isEmpty else { return nil }
        let scored = shapes.scored(number, fleet)
        let usual = speed(of: number, on: [found.slot])
        var best: (place: Found, gain: Double)?
        for (name, place) in places.sorted(by: { $0.key < $1.key }) {
            guard let slot = fleet.slots[name], let group = fleet.nodes[slot].group,
                let candidate = scored.first(where: { $0.group.place == group && fleet.isCurrent($0.group) }),
                let fit = shapes.fit(number, on: fleet.nodes[slot].make, fleet),
                mayEnd(on: fleet.nodes[slot].make, spans, round),
                leavesRoom(fit, slot, spans.expected(atSpeed: fit.speed), round)
            else { continue }
            let lost = spans.expected.map { $0.inSeconds / fit.speed - $0.inSeconds / usual }
            let gain = place.seconds - (lost ?? (fit.speed < usual ? .infinity : 0))
            guard gain >= 0, best.map({ ($0.gain, candidate.score) < (gain, $0.place.score) }) ?? true else { continue }
            var score = candidate.score
            score.secondsSaved = place.seconds
            best = ((slot, score), gain)
        }
        return best?.place
    }

    /// The node with room that comes first by score and name, however the nodes are grouped.
    private mutating func firstRoom(_ number: Int, in ordered: [Scored], _ spans: Spans, _ round: Round) -> Found? {
        var first: Found?
        for candidate in ordered {
            if let first, isSettled(first, by: candidate) { break }
            guard let slot = slotWithRoom(number, in: candidate.group, spans, round) else { continue }
            if let first, fleet.node(first.slot).name < fleet.node(slot).name { continue }
            first = (slot, candidate.score)
        }
        return first
    }

    /// Whether no node of the group, or of one that comes after it, comes before the node found.
    private func isSettled(_ found: Found, by candidate: Scored) -> Bool {
        guard found.score == candidate.score else { return found.score < candidate.score }
        guard let slot = fleet.group(candidate.group)?.members.last else { return true }
        return fleet.node(found.slot).name <= fleet.node(slot).name
    }

    private typealias Scored = ShapeTable.Scored

    private func inOrder(_ scored: [Scored]) -> [Scored] { scored.sorted(by: fleet.precedes) }

    /// The nodes that a choice was made from: the chosen one, then its equals and the members of the other groups.
    private func candidates(_ scored: [Scored], chosen: NodeName, _ score: PlacementScore)
        -> [(node: NodeName, score: PlacementScore)]
    {
        var result = [(node: chosen, score: score)]
        for candidate in scored {
            for slot in fleet.group(candidate.group)?.members.reversed() ?? [] {
                guard result.count < Decision.recordedCandidates else { return result }
                let name = fleet.nodes[slot].node.name
                if name != chosen { result.append((name, candidate.score)) }
            }
        }
        return result
    }

    /// The first node of the group that may take the task.
    private mutating func slotWithRoom(
        _ number: Int, in reference: Fleet.GroupReference, _ spans: Spans, _ round: Round
    ) -> Int? {
        guard let group = fleet.group(reference), mayEnd(on: group.summary.make, spans, round),
            let fit = shapes.fit(number, on: group.summary.make, fleet)
        else { return nil }
        return group.members.last { leavesRoom(fit, $0, spans.expected(atSpeed: fit.speed), round) }
    }

    /// How fast a task of the shape goes on these nodes together.
    mutating func speed(of number: Int, on slots: [Int]) -> Double {
        guard shapes[number].shape.request.throughput != nil else { return 1 }
        return slots.reduce(1) { min($0, shapes.fit(number, on: fleet.nodes[$1].make, fleet)?.speed ?? 1) }
    }

    /// With the GPU that the packing prefers, if the rest lies well with it.
    private mutating func exactFit(_ number: Int, on slot: Int) -> Allocation? {
        let node = fleet.node(slot)
        var fit = NodeFit(
            node: node, layout: fleet.make(of: slot).layout, request: shapes[number].shape.request, free: node.free,
            gpu: shapes.gpu(for: number, on: fleet.nodes[slot].summary))
        if let allocation = fit.placement(shape: 0).allocation { return allocation }
        fit.gpu = nil
        return fit.placement(shape: 0).allocation
    }

    private func leavesRoom(_ fit: ShapeFit, _ slot: Int, _ span: Duration?, _ round: Round) -> Bool {
        guard let kept = round.reserved[slot] else { return true }
        let end = span.map { round.now + $0 } ?? .distantFuture
        if kept.allSatisfy({ $0.start >= end }) { return true }
        return round.leavesRoom(fit, on: fleet.nodes[slot], from: round.now, until: end, slot: slot)
    }

    /// Whether a task that starts now is over when the nodes of this make must be empty.
    func mayEnd(on make: Int, _ spans: Spans, _ round: Round) -> Bool {
        spans.mayEnd(by: fleet.makes[make].closing, from: round.now)
    }

    /// Nodes for all members of a gang or none: from one switch if one has enough, the one with fewest to spare; else
    /// from as few switches as possible.
    private mutating func gangChoice(
        _ number: Int, _ scored: [Scored], count: Int, _ spans: Spans, _ round: Round
    ) -> Choice? {
        var bySwitch: [String: [(slot: Int, score: PlacementScore)]] = [:]
        for candidate in scored {
            guard let group = fleet.group(candidate.group), mayEnd(on: group.summary.make, spans, round),
                let fit = shapes.fit(number, on: group.summary.make, fleet)
            else { continue }
            let name = fleet.makes[group.summary.make].example.registration.labels["switch"] ?? ""
            for slot in group.members where leavesRoom(fit, slot, spans.expected(atSpeed: fit.speed), round) {
                bySwitch[name, default: []].append((slot, candidate.score))
            }
        }
        guard bySwitch.values.reduce(0, { $0 + $1.count }) >= count else { return nil }
        let switches = bySwitch.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
        let enough = switches.last { $0.value.count >= count }.map { [$0] }
        var chosen: [(slot: Int, score: PlacementScore)] = []
        for (_, members) in enough ?? switches where chosen.count < count {
            let inOrder = members.sorted {
                $0.score == $1.score ? fleet.node($0.slot).name < fleet.node($1.slot).name : $0.score < $1.score
            }
            chosen += inOrder.prefix(count - chosen.count)
        }
        chosen.sort { fleet.node($0.slot).name < fleet.node($1.slot).name }
        // Where its members go at different speeds, all of it takes as long as the slowest.
        let speed = speed(of: number, on: chosen.map(\.slot))
        let span = spans.expected(atSpeed: speed)
        var allocations: [Allocation] = []
        for member in chosen {
            guard let fit = shapes.fit(number, on: fleet.nodes[member.slot].make, fleet),
                fit.speed == speed || leavesRoom(fit, member.slot, span, round),
                let allocation = exactFit(number, on: member.slot)
            else { return nil }
            allocations.append(allocation)
        }
        return Choice(
            allocations: allocations, speed: speed,
            candidates: chosen.prefix(1).map { (fleet.node($0.slot).name, $0.score) })
    }
}
