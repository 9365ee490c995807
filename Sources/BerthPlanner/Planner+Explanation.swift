public import BerthModel

/// Why tasks wait, and whether they could ever run.
extension Planner {
    /// Every limit and every lack of room that keeps one more task of these terms from starting now; none where it
    /// could, but for what is kept free for others.
    ///
    /// - Complexity: O(n) for n nodes, some microseconds each.
    public func waitReasons(for terms: WaitingTerms, at now: Timestamp) -> [WaitReason] {
        holdings.refusals(of: terms, configuration, fleet) + resourceReasons(for: terms, at: now)
    }

    /// That a job waits for devices where it goes faster, although it could start now; nil where it does not.
    ///
    /// - Complexity: a plan, on a copy.
    public func waitForFaster(of id: Job.ID, _ facts: PlanningFacts, at now: Timestamp) -> WaitReason? {
        var fork = self
        let chosen = fork.plan(facts, at: now).reservations.first { $0.job == id && $0.isChosen }
        return chosen.flatMap { place in place.nodes.first.map { .faster(node: $0, from: place.time) } }
    }

    /// How many jobs come before this one: those of lines with a higher priority, and those before it in its own. None
    /// where it is not in line.
    ///
    /// - Complexity: O(l) for l lines, and O(j) for the j jobs of its own.
    public mutating func jobsAhead(of id: Job.ID, _ facts: PlanningFacts, at now: Timestamp) -> Int {
        guard let (own, job) = lines.line(of: id) else { return 0 }
        var round = Round(now: now, facts: facts, configuration: configuration)
        let priority = priority(of: job, in: own, &round)
        var ahead = lines.jobs(of: own).prefix { $0.id != id }.count
        for line in lines.occupied where line != own {
            guard let first = lines.first(of: line) else { continue }
            let comesBefore =
                self.priority(of: first, in: line, &round).precedes(priority)
                ?? ((first.submitTime, first.id) < (job.submitTime, job.id))
            if comesBefore { ahead += lines.lines[line].jobCount }
        }
        return ahead
    }

    private func resourceReasons(for terms: WaitingTerms, at now: Timestamp) -> [WaitReason] {
        guard !fleet.nodes.isEmpty else { return [.noNodes] }
        var reasons: [WaitReason] = []
        let nodes = fleet.nodes.sorted { $0.node.name < $1.node.name }
        for (place, shape) in terms.shapes.enumerated() {
            var rules: [Int: [Shortfall]] = [:]
            var fitting = 0
            var short: [WaitReason.NodeShortfall] = []
            for node in nodes {
                let rule = rules[node.make] ?? shape.rule.shortfalls(on: node.node)
                if !shape.rule.namesNodes { rules[node.make] = rule }
                let shortfalls =
                    Self.presence(node.node) + rule + maintenance(node, terms.timeLimit, at: now)
                    + roomShortfalls(shape.request, on: node)
                if shortfalls.isEmpty {
                    fitting += 1
                    if fitting >= shape.request.nodes { return [] }
                } else {
                    short.append(.init(node: node.node.name, shortfalls: shortfalls))
                }
            }
            if shape.request.nodes > 1 {
                reasons.append(.gang(shape: place, nodes: shape.request.nodes, fitting: fitting))
            }
            reasons.append(.resources(shape: place, nodes: short))
        }
        return reasons
    }

    private static func presence(_ node: Node) -> [Shortfall] {
        var shortfalls: [Shortfall] = node.isUp ? [] : [.lost]
        if let drain = node.drain { shortfalls.append(.drained(reason: drain.reason)) }
        if node.registration.isLeaving { shortfalls.append(.drained(reason: "its agent is leaving")) }
        return shortfalls
    }

    private func maintenance(_ node: PlannedNode, _ limit: Duration?, at now: Timestamp) -> [Shortfall] {
        guard let closing = fleet.makes[node.make].closing else { return [] }
        if let limit, now + limit <= closing { return [] }
        return [.maintenance(from: closing, timeLimit: limit?.microseconds)]
    }

    private func roomShortfalls(_ request: ResourceRequest, on node: PlannedNode) -> [Shortfall] {
        let fit = NodeFit(
            node: node.node, layout: fleet.makes[node.make].layout, request: request, free: node.node.free)
        return if case .short(let shortfalls) = fit.placement(shape: 0) { shortfalls } else { [] }
    }

    /// Whether enough empty nodes of the fleet could run a task of one of these shapes, and if not, how near the
    /// nearest came.
    ///
    /// - Returns: nil where they could, or where the fleet has no node yet.
    public mutating func nearestMiss(for candidates: [TaskShape]) -> (node: NodeName, shortfalls: [Shortfall])? {
        var nearest: (rank: [Int], node: NodeName, shortfalls: [Shortfall])?
        for shape in candidates {
            let number = shapes.number(of: shape)
            var makes: [Int: Int] = [:]
            for node in fleet.nodes { makes[node.make, default: 0] += 1 }
            // Rules that ask for names are asked of each node; all else is the same for all nodes of a make.
            let able =
                shape.rule.namesNodes
                ? fleet.nodes.count { roomOnceEmpty(shape, on: $0).isEmpty }
                : makes.filter { shapes.fit(number, on: $0.key, fleet) != nil }.values.reduce(0, +)
            if able >= shape.request.nodes { return nil }
            var asked: Set<Int> = []
            for node in fleet.nodes.sorted(by: { $0.node.name < $1.node.name })
            where shape.rule.namesNodes || asked.insert(node.make).inserted {
                var shortfalls = roomOnceEmpty(shape, on: node)
                if shape.request.nodes > 1 { shortfalls.append(.gang(asked: shape.request.nodes, able: able)) }
                let rank = [shortfalls.count, shortfalls.reduce(0) { $0.addingClamped($1.distance) }]
                if let best = nearest, !rank.lexicographicallyPrecedes(best.rank) { continue }
                nearest = (rank, node.node.name, shortfalls)
            }
        }
        return nearest.map { ($0.node, $0.shortfalls) }
    }

    private func roomOnceEmpty(_ shape: TaskShape, on node: PlannedNode) -> [Shortfall] {
        let fit = NodeFit(
            node: node.node, layout: fleet.makes[node.make].layout, request: shape.request, free: node.node.capacity)
        let rule = shape.rule.shortfalls(on: node.node)
        return if case .short(let more) = fit.placement(shape: 0) { rule + more } else { rule }
    }
}

extension Shortfall {
    /// How far a node is from meeting the request, in hundredths of what is asked; for choosing the nearest miss.
    fileprivate var distance: Int {
        switch self {
        case .cores(let asked, _, let total), .threads(let asked, _, let total): (asked - total) * 100 / max(asked, 1)
        case .memory(let asked, _, let total): Int((asked - (total ?? 0)) / max(asked / 100, 1))
        case .device(_, let asked, _, let total, let unmet):
            total == 0 && unmet == nil ? 1000 : (asked - total) * 100 / max(asked, 1)
        case .locality: 0  // All is there, only not together.
        default: 100
        }
    }
}
