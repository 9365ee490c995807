public import BerthModel
import HeapModule

/// Plans a cluster: who starts now and exactly where, what is kept free for whom, and who has to go for others.
///
/// It is told of nodes, attempts and waiting jobs as they change, and plans when asked. Tasks are looked at in the order
/// of their priority. One that fits starts; one that does not fit may get a reservation at the earliest time by which
/// enough is expected to be free, which no later job may delay (backfill, on the resources of single nodes, not on whole
/// ones); one that comes before others in tier may make preemptible ones give way.
///
/// Pure and deterministic: the same nodes, attempts and jobs give the same plan, whatever was told in which order. What
/// is kept between plans (which groups of nodes each shape fits, when each node will have room for it) only saves work.
///
/// Sources: Mu'alem and Feitelson, IEEE TPDS 12(6), 2001 (EASY and conservative backfill); Verma et al., EuroSys 2015
/// (equivalence classes of tasks and of machines).
public struct Planner: Sendable {
    public private(set) var configuration: ClusterConfiguration
    var fleet = Fleet()
    var lines = WaitingLines()
    var shapes = ShapeTable()
    var holdings = Holdings()
    private var earliest: [Int: EarliestFits] = [:]
    /// When what was worked out for a node is no longer true, soonest first.
    private var expiries = Heap<Expiry>()
    /// What the packing in use was learned from.
    private var packingSource: PackingSource?
    /// When the next maintenance reservation begins or ends.
    private var maintenanceChange = Timestamp.epoch

    private struct PackingSource: Equatable {
        var epoch: Int
        var makes: Int
        var nodes: Int
    }

    private struct Expiry: Comparable {
        var time: Timestamp
        var slot: Int
        var version: UInt64

        static func < (left: Self, right: Self) -> Bool {
            (left.time, left.slot, left.version) < (right.time, right.slot, right.version)
        }
    }

    public init(_ configuration: ClusterConfiguration) {
        self.configuration = configuration
    }

    // MARK: - What is true

    /// Takes in a node as it is now, with all that runs on it.
    public mutating func put(_ node: Node, running: [RunningAttempt], at now: Timestamp) {
        for name in namedByRules(node) { distinguish([name], at: now) }
        if let slot = fleet.slots[node.name] { holdings.remove(fleet.nodes[slot].running) }
        holdings.add(running)
        fleet.put(node, running: running, closing: closing(of: node, at: now), at: now)
        noteExpiry(of: node.name)
    }

    /// Puts a job's tasks in line, or changes how many of them wait; none takes it out.
    public mutating func put(_ job: WaitingJob, _ terms: WaitingTerms, at now: Timestamp) {
        let numbers = terms.shapes.map { shapes.number(of: $0) }
        let tier = configuration.queue(terms.queue)?.tier ?? 0
        let (begun, ended) = lines.put(job, terms, tier: tier, shapes: numbers)
        if begun {
            if terms.shapes.contains(where: \.rule.namesNodes) { distinguishNodes(for: terms.shapes, at: now) }
            takeNewGroups()
            shapes.begin(numbers, fleet)
        }
        // Last, since shapes without a line may be forgotten with it.
        if let ended { shapes.end(ended) }
    }

    /// Takes a job's waiting tasks out.
    public mutating func withdraw(_ job: Job.ID) {
        for ended in lines.withdraw(job) { shapes.end(ended) }
    }

    /// Jobs in line.
    public var waitingJobs: Int { lines.jobCount }

    public func isWaiting(_ job: Job.ID) -> Bool { lines.line(of: job) != nil }

    private mutating func noteExpiry(of name: NodeName) {
        guard let slot = fleet.slots[name] else { return }
        let node = fleet.nodes[slot]
        guard node.releases.firstEnd < .distantFuture else { return }
        expiries.insert(Expiry(time: node.releases.firstEnd, slot: slot, version: node.version))
    }

    private mutating func takeNewGroups() { shapes.consider(fleet.takeNewGroups(), fleet) }

    /// Where a rule asks for names, nodes it treats unlike their make's others become makes of their own.
    private mutating func distinguishNodes(for shapes: [TaskShape], at now: Timestamp) {
        for shape in shapes where shape.rule.namesNodes {
            let (inside, outside) = fleet.nodes.reduce(into: (Set<NodeName>(), Set<NodeName>())) { sets, node in
                if shape.rule.shortfalls(on: node.node).isEmpty {
                    sets.0.insert(node.node.name)
                } else {
                    sets.1.insert(node.node.name)
                }
            }
            distinguish(inside.count <= outside.count ? inside : outside, at: now)
        }
    }

    private mutating func distinguish(_ names: Set<NodeName>, at now: Timestamp) {
        for slot in fleet.distinguish(names, at: now) { noteExpiry(of: fleet.node(slot).name) }
    }

    private func namedByRules(_ node: Node) -> [NodeName] {
        guard fleet.slots[node.name] == nil, shapes.namesNodes else { return [] }
        return [node.name]
    }

    private func closing(of node: Node, at now: Timestamp) -> Timestamp? {
        configuration.planning.reservations.filter { $0.end > now && $0.nodes.holds(node.attribute) }.map(\.start).min()
    }

    /// Lets what time changes catch up: expected ends that have passed, maintenance that begins or ends.
    private mutating func catchUp(at now: Timestamp) {
        while let due = expiries.min, due.time <= now {
            expiries.removeMin()
            guard fleet.nodes[due.slot].version == due.version else { continue }
            fleet.refresh(due.slot, at: now)
            noteExpiry(of: fleet.nodes[due.slot].node.name)
        }
        if maintenanceChange <= now, !configuration.planning.reservations.isEmpty {
            for node in fleet.nodes {
                fleet.put(node.node, running: node.running, closing: closing(of: node.node, at: now), at: now)
                noteExpiry(of: node.node.name)
            }
            let borders = configuration.planning.reservations.flatMap { [$0.start, $0.end] }
            maintenanceChange = borders.filter { $0 > now }.min() ?? .distantFuture
        }
        takeNewGroups()
    }

    /// Rates placements by the mix of jobs that comes now, once that or the fleet has changed.
    private mutating func repack(_ requests: RequestHistory) {
        let source = PackingSource(epoch: requests.epoch, makes: fleet.makes.count, nodes: fleet.nodes.count)
        guard source != packingSource else { return }
        packingSource = source
        shapes.repack(FleetPacking(fleet.makes, nodes: fleet.nodes, requests: requests.requests))
    }

    // MARK: - The plan

    /// What follows from what is true at `now`. The starts are taken as made: tell of what becomes of them.
    ///
    /// - Complexity: O(l log l) for l lines of equal jobs, some microseconds for each start, and for each kind of job
    ///   that gets a reservation O(c log n) for c nodes that have changed since its last one. Neither the number of jobs
    ///   in a line nor, but for that logarithm, the number of nodes counts.
    public mutating func plan(_ facts: PlanningFacts, at now: Timestamp) -> Plan {
        catchUp(at: now)
        repack(facts.requests)
        var round = Round(now: now, facts: facts, configuration: configuration)
        let candidates = candidates(&round)
        var startable = candidates.count(where: \.mayStart)
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
            case .noRoom: block(job, candidate, &round)
            case .beyondQuota: continue
            }
        }
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
            guard let choice = choice(number, spans, round) else { continue }
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
                    isBorrowing: isBorrowing, expectedTime: spans.expected, decision: decision))
            take(allocations, for: job, terms, isBorrowing: isBorrowing, spans, round)
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
        _ allocations: [Allocation], for job: WaitingJob, _ terms: WaitingTerms, isBorrowing: Bool, _ spans: Spans,
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
                expectedTime: spans.expected, timeLimit: terms.timeLimit)
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

    // MARK: - Jobs that cannot start

    /// Makes room for a job that does not fit, or keeps the place free where it will.
    private mutating func block(_ job: WaitingJob, _ candidate: Candidate, _ round: inout Round) {
        let line = lines.lines[candidate.line]
        if candidate.priority.tier > holdings.lowestPreemptibleTier ?? .max
            || (holdings.hasBorrowers && !candidate.priority.isBorrowing),
            preempt(for: job, candidate.priority, line, spans(of: candidate.line, round.facts), &round)
        {
            return
        }
        if round.plan.reservations.count < configuration.planning.backfill.depth {
            reserve(job, line, spans(of: candidate.line, round.facts), &round)
        }
    }

    /// Keeps the place free where the job can start soonest, in the shape with which it can.
    private mutating func reserve(
        _ job: WaitingJob, _ line: WaitingLines.Line, _ spans: Spans, _ round: inout Round
    ) {
        var best: (time: Timestamp, slots: [Int], shape: Int)?
        for (shape, number) in line.shapes.enumerated() where isWithinQuotas(number, line.terms) {
            guard let fit = earliestFit(number, spans, round) else { continue }
            if let best, best.time <= fit.time { continue }
            best = (fit.time, fit.slots, shape)
        }
        guard let best else { return }
        keep(best.slots, for: job, shape: best.shape, line, spans, from: best.time, &round)
    }

    mutating func keep(
        _ slots: [Int], for job: WaitingJob, shape: Int, _ line: WaitingLines.Line, _ spans: Spans,
        from time: Timestamp, _ round: inout Round
    ) {
        let end = spans.expected.map { time + $0 } ?? .distantFuture
        for slot in slots {
            guard let fit = shapes.fit(line.shapes[shape], on: fleet.nodes[slot].make, fleet) else { continue }
            round.reserved[slot, default: []].append(Round.Kept(start: time, end: end, fit: fit))
        }
        round.plan.reservations.append(
            Plan.Reservation(
                job: job.id, nodes: slots.map { fleet.nodes[$0].node.name }, time: time, shape: shape))
    }

    /// When and where a shape fits soonest, if nothing but what is reserved already starts meanwhile.
    mutating func earliestFit(_ number: Int, _ spans: Spans, _ round: Round) -> (time: Timestamp, slots: [Int])? {
        var fits = earliest.removeValue(forKey: number) ?? EarliestFits(shapes[number].digest, number)
        if fits.digest != shapes[number].digest { fits = EarliestFits(shapes[number].digest, number) }
        defer {
            if earliest.count >= 64 { earliest = [:] }
            earliest[number] = fits
        }
        return fits.first(spans, fleet, &shapes, round)
    }
}
