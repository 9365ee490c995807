public import BerthModel
import HeapModule

/// Who starts: lines of equal jobs in the order of their first jobs' priorities.
extension Planner {
    /// What follows from what is true at `now`. The starts are taken as made: tell of what becomes of them.
    ///
    /// - Complexity: O(l log l) for l lines of equal jobs, some microseconds for each start, and for each kind of job
    ///   that gets a reservation O(c log n) for c nodes that have changed since its last one. Neither the number of jobs
    ///   in a line nor, but for that logarithm, the number of nodes counts.
    public mutating func plan(_ facts: PlanningFacts, at now: Timestamp) -> Plan {
        catchUp(at: now)
        repack(facts.requests)
        adoptThroughputs(facts.runTimes)
        var round = Round(now: now, facts: facts, configuration: configuration)
        let candidates = candidates(&round)
        var startable = candidates.count(where: \.mayStart)
        var isTurnTaken = false
        var queue = Heap(round.mayPreempt ? candidates : withoutHopeless(candidates))
        while startable > 0 || round.mayPreempt, let candidate = queue.popMin() {
            if candidate.mayStart { startable -= 1 }
            guard let job = lines.first(of: candidate.line) else { continue }
            let terms = lines.lines[candidate.line].terms
            if holdings.wouldBorrow(terms, configuration.planning) != candidate.priority.isBorrowing {
                // What started meanwhile has used up its project's quota.
                guard let changed = self.candidate(candidate.line, &round) else { continue }
                if changed.mayStart { startable += 1 }
                queue.insert(changed)
                continue
            }
            round.linesSeen += 1
            guard holdings.refusal(of: terms, configuration, fleet) == nil else { continue }
            switch start(job, candidate, &round) {
            case .started:
                if !lines.lines[candidate.line].isEmpty, let next = self.candidate(candidate.line, &round) {
                    if next.mayStart { startable += 1 }
                    queue.insert(next)
                }
            case .noRoom:
                round.plan.firstWaiting = round.plan.firstWaiting ?? job.id
                block(job, candidate.priority, candidate.line, &round)
            case .betterLater:
                // What is kept free for it is nobody else's to hold on to.
                if round.plan.firstWaiting == nil { isTurnTaken = true }
            case .beyondQuota: continue
            }
        }
        if round.plan.firstWaiting == nil, let next = queue.min,
            holdings.refusal(of: lines.lines[next.line].terms, configuration, fleet) == nil
        {
            round.plan.firstWaiting = next.job.id
        }
        if isTurnTaken { round.plan.firstWaiting = nil }
        fleet.trimChanges()
        return round.plan
    }

    /// Every line whose first job may start or reserve, with its priority.
    private mutating func candidates(_ round: inout Round) -> [Candidate] {
        lines.occupied.compactMap { line in candidate(line, &round) }
    }

    /// Leaves out those that can neither start nor get a reservation, since so many that cannot start come before.
    private mutating func withoutHopeless(_ candidates: [Candidate]) -> [Candidate] {
        let depth = configuration.planning.backfill.depth
        var reserving: [Candidate] = []
        for candidate in candidates where !candidate.mayStart {
            if reserving.count == depth, let last = reserving.last, !(candidate < last) { continue }
            guard mayReserve(candidate) else { continue }
            reserving.insert(candidate, at: reserving.firstIndex { candidate < $0 } ?? reserving.count)
            if reserving.count > depth { reserving.removeLast() }
        }
        return reserving + candidates.filter(\.mayStart)
    }

    /// Whether the nodes that take work could run it if they were empty, and no limit keeps it back: what never gets a
    /// reservation must not use one up.
    private mutating func mayReserve(_ candidate: Candidate) -> Bool {
        let line = lines.lines[candidate.line]
        guard holdings.refusal(of: line.terms, configuration, fleet) == nil else { return false }
        return line.shapes.contains { number in
            var missing = shapes[number].shape.request.nodes
            for group in fleet.groups where !group.members.isEmpty {
                guard shapes.fit(number, on: group.summary.make, fleet) != nil else { continue }
                missing -= group.members.count
                if missing <= 0 { return true }
            }
            return false
        }
    }

    private mutating func candidate(_ line: Int, _ round: inout Round) -> Candidate? {
        guard let job = lines.first(of: line) else { return nil }
        let mayStart = lines.lines[line].shapes.contains { shapes.mayFit($0, fleet) }
        let priority = priority(of: job, in: line, &round)
        if priority.tier > holdings.lowestPreemptibleTier ?? .max || holdings.hasBorrowers { round.mayPreempt = true }
        return Candidate(priority: priority, job: job, line: line, mayStart: mayStart)
    }

    mutating func priority(of job: WaitingJob, in line: Int, _ round: inout Round) -> JobPriority {
        let outlook = outlook(of: line, round.facts)
        return round.priority(
            of: job, lines.lines[line], lines.accounts[lines.lines[line].account], outlook, holdings)
    }

    /// What is believed about a line's jobs now.
    mutating func outlook(of line: Int, _ facts: PlanningFacts) -> Outlook {
        if let known = lines.lines[line].outlook, known.epoch == facts.runTimes.epoch { return known }
        let outlook = Outlook(lines.lines[line].terms, facts.runTimes)
        lines.setOutlook(outlook, of: line)
        return outlook
    }

    mutating func spans(of line: Int, _ facts: PlanningFacts) -> Spans {
        Spans(expected: outlook(of: line, facts).expectedTime, limit: lines.lines[line].terms.timeLimit)
    }

    /// A line's first job with its place among the others'.
    private struct Candidate: Comparable {
        var priority: JobPriority
        var job: WaitingJob
        var line: Int
        /// Whether one of its shapes may fit somewhere.
        var mayStart: Bool

        /// A job stands in two lines where some of its tasks were preempted; those come first.
        static func < (left: Self, right: Self) -> Bool {
            func key(_ candidate: Self) -> (Timestamp, Job.ID, Int) {
                (candidate.job.submitTime, candidate.job.id, candidate.priority.isReturning ? 0 : 1)
            }
            return left.priority.precedes(right.priority) ?? (key(left) < key(right))
        }
        static func == (left: Self, right: Self) -> Bool { left.job.id == right.job.id && left.line == right.line }
    }

    private enum StartOutcome {
        case started, noRoom
        /// There is room, but only with more than its project's quota lets it have.
        case beyondQuota
        /// There is room, but on faster devices, which are kept free for it, it will be over sooner.
        case betterLater
    }

    private func isWithinQuotas(_ amount: Holdings.Amount, _ terms: WaitingTerms) -> Bool {
        configuration.planning.quotas.isEmpty
            || holdings.quotaRefusal(of: amount, terms, configuration.planning, fleet) == nil
    }

    func isWithinQuotas(_ shape: Int, _ terms: WaitingTerms) -> Bool {
        isWithinQuotas(Holdings.Amount(shapes[shape].shape.request), terms)
    }

    private mutating func start(_ job: WaitingJob, _ candidate: Candidate, _ round: inout Round) -> StartOutcome {
        // Not the line itself: a second holder would make every change copy its jobs.
        let (terms, numbers) = (lines.lines[candidate.line].terms, lines.lines[candidate.line].shapes)
        let spans = spans(of: candidate.line, round.facts)
        var outcome = StartOutcome.noRoom
        for (shape, number) in numbers.enumerated() where shapes.mayFit(number, fleet) && isWithinQuotas(number, terms)
        {
            guard let choice = choice(number, terms, spans, round) else { continue }
            // What a warm slot saves is more than what is lost by not taking the fastest that is free.
            let isWarm = choice.candidates.first?.score.secondsSaved != nil
            if !isWarm, waitsForFaster(job, candidate.line, shape, than: choice, spans, &round) { return .betterLater }
            let amount = Holdings.Amount(choice.allocations)
            guard isWithinQuotas(amount, terms) else {
                outcome = .beyondQuota
                continue
            }
            let isBorrowing = holdings.wouldBorrow(amount, terms, configuration.planning)
            let allocations = choice.allocations.map { allocation in
                var allocation = allocation
                allocation.shape = shape
                return allocation
            }
            let decision = Decision(
                policy: planningPolicy, saw: digest(of: number), jobsAhead: round.linesSeen - 1,
                priority: candidate.priority, nodesConsidered: fleet.workingCount,
                candidates: choice.candidates.map { .init(node: $0.node, shape: shape, score: $0.score) },
                rejected: rejections(of: number))
            round.plan.starts.append(
                Plan.Start(
                    job: job.id, isReturning: terms.isReturning, allocations: allocations,
                    isBorrowing: isBorrowing, expectedTime: spans.expected(atSpeed: choice.speed), decision: decision))
            take(allocations, for: job, terms, isBorrowing: isBorrowing, spans.expected(atSpeed: choice.speed), round)
            if lines.startFirst(of: candidate.line) { shapes.end(numbers) }
            return .started
        }
        return outcome
    }

    /// How many nodes were passed over for what. Counted group by group, and only where that is few: in a large busy
    /// fleet nearly every node is a group of its own.
    private mutating func rejections(of number: Int) -> [String: Int] {
        guard fleet.groupCount <= 256 else { return [:] }
        var counts: [String: Int] = [:]
        for group in fleet.groups where !group.members.isEmpty {
            guard let fit = shapes.fit(number, on: group.summary.make, fleet) else {
                let make = fleet.makes[group.summary.make]
                for name in Self.lacks(shapes[number].shape, make) { counts[name, default: 0] += group.members.count }
                continue
            }
            for name in fit.lacks(group.summary) { counts[name, default: 0] += group.members.count }
        }
        return counts
    }

    /// What keeps a shape from nodes of a make even where they are empty.
    private static func lacks(_ shape: TaskShape, _ make: NodeMake) -> Set<String> {
        let node = make.example
        let fit = NodeFit(node: node, layout: make.layout, request: shape.request, free: node.capacity)
        var shortfalls = shape.rule.shortfalls(on: node)
        if case .short(let more) = fit.placement(shape: 0) { shortfalls += more }
        return Set(shortfalls.map(\.name))
    }

    /// Gives the resources away on the planner's own copy, as an attempt that begins now.
    private mutating func take(
        _ allocations: [Allocation], for job: WaitingJob, _ terms: WaitingTerms, isBorrowing: Bool, _ span: Duration?,
        _ round: Round
    ) {
        let queue = configuration.queue(terms.queue)
        for allocation in allocations {
            guard let slot = fleet.slots[allocation.node] else { continue }
            let attempt = RunningAttempt(
                id: AttemptID(task: TaskID(job: job.id), number: 0), allocation: allocation,
                countsAsTask: allocation.node == allocations.first?.node, queue: terms.queue, user: terms.user,
                project: terms.project, tier: queue?.tier ?? 0,
                isPreemptible: queue?.isPreemptible ?? false, isBorrowing: isBorrowing, startTime: round.now,
                expectedTime: span, timeLimit: terms.timeLimit)
            holdings.add([attempt])
            fleet.start(attempt, on: slot, at: round.now)
            noteExpiry(of: allocation.node)
        }
        takeNewGroups()
    }

    /// Of the request, its rules, and every node's make and free resources.
    private func digest(of shape: Int) -> String {
        var hasher = StableHasher()
        hasher.combine(shapes[shape].digest)
        hasher.combine(fleet.digest)
        return hasher.text
    }
}
