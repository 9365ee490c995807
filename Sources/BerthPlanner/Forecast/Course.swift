import BerthModel
import HeapModule

/// One course that things may take from now on: a copy of the planner, run forward in virtual time. What runs ends, what
/// it held is free again, and a plan is made at each such instant. In a drawn course jobs come as well.
struct Course {
    private var planner: Planner
    private var facts: PlanningFacts
    private let foreseen: Foreseen
    private let bounds: ForecastBounds
    /// Which of the drawn courses this is; nil for the one in which all runs as long as is expected.
    private let draw: Int?
    private let start: Timestamp
    private var ends = Heap<End>()
    private var live: [AttemptID: Live] = [:]
    private var arrivals: ArraySlice<Foreseen.Arrival>
    private var departures: ArraySlice<Foreseen.Departure>
    private var borders: ArraySlice<Timestamp>
    /// Jobs that nobody has submitted yet: who comes next, and those that have come in this course.
    private var newcomers: DrawnArrivals?
    private var newJobs: [Job.ID: Foreseen.KnownJob] = [:]
    /// Their numbers begin here.
    private static let firstNewJob: UInt64 = 1 << 62
    private var followers: [Job.ID: Int]
    private var comingBack: Set<AttemptID>
    /// What ended last on each node, numbered in order.
    private var lastEnded: [NodeName: (job: Job.ID, order: Int)] = [:]
    private var begun: [Job.ID: Int] = [:]
    private var nextNumber = 1_000_000_000
    private var endCount = 0
    private var awaited: Set<Job.ID> = []

    /// First starts, by job.
    private(set) var starts: [Job.ID: Start] = [:]
    private(set) var preemptions: [Plan.Preemption] = []
    /// Where it is.
    private(set) var now: Timestamp
    /// Lines looked at so far.
    private(set) var steps = 0
    /// Whether a bound, and not the end of all that is foreseen, ended it.
    private(set) var isCut = false

    struct Start {
        var time: Timestamp
        /// Whose end on one of its nodes let it start; nil where it starts at once, or where nobody had been.
        var after: Job.ID?
    }

    private struct Live {
        var attempt: RunningAttempt
        /// One for each of its nodes.
        var parts: [Allocation]
        var end: Timestamp
    }

    private struct End: Comparable {
        var time: Timestamp
        var attempt: AttemptID

        static func < (left: Self, right: Self) -> Bool { (left.time, left.attempt) < (right.time, right.attempt) }
    }

    init(
        _ planner: Planner, _ facts: PlanningFacts, _ foreseen: Foreseen, at now: Timestamp, draw: Int?,
        _ bounds: ForecastBounds
    ) {
        self.planner = planner
        self.facts = facts
        self.foreseen = foreseen
        self.bounds = bounds
        self.draw = draw
        self.now = now
        start = now
        arrivals = foreseen.arrivals[...]
        departures = foreseen.departures[...]
        borders =
            Set(planner.configuration.planning.reservations.flatMap { [$0.start, $0.end] }).filter { $0 > now }
            .sorted()[...]
        newcomers = draw.flatMap { DrawnArrivals(foreseen.past, until: now, draw: $0) }
        followers = foreseen.followers
        comingBack = foreseen.comingBack
        for node in planner.fleet.nodes where node.node.isUp {
            for attempt in node.running { take(attempt) }
        }
        for (id, live) in live { ends.insert(End(time: live.end, attempt: id)) }
    }

    private mutating func take(_ attempt: RunningAttempt) {
        if live[attempt.id] != nil {
            live[attempt.id]?.parts.append(attempt.allocation)
        } else {
            live[attempt.id] = Live(attempt: attempt, parts: [attempt.allocation], end: end(of: attempt))
        }
    }

    private func known(_ job: Job.ID) -> Foreseen.KnownJob? { newJobs[job] ?? foreseen.job(job) }

    // MARK: - Time

    /// Goes on until all of `awaited` have started, until nothing more can happen, or until a bound is reached.
    ///
    /// - Parameters:
    ///   - limit: after this time nothing is looked at.
    ///   - stepLimit: after so many steps it is cut; nil is as `bounds` says.
    mutating func run(awaiting awaited: Set<Job.ID>, until limit: Timestamp? = nil, stepLimit: Int? = nil) {
        let horizon = min(start + bounds.horizon, limit ?? .distantFuture)
        let stepLimit = stepLimit ?? bounds.stepsPerCourse
        self.awaited = awaited
        plan()
        while !self.awaited.isEmpty {
            guard let next = nextTime, next <= horizon else { return }
            guard endCount < bounds.ends, steps < stepLimit else {
                isCut = true
                return
            }
            now = max(now, next)
            if takeDue() { plan() }
        }
    }

    private var nextTime: Timestamp? {
        [ends.min?.time, arrivals.first?.time, newcomers?.next.time, departures.first?.time, borders.first]
            .compactMap { $0 }.min()
    }

    /// - Returns: whether anybody may start by it.
    private mutating func takeDue() -> Bool {
        var mayStart = false
        while let due = ends.min, due.time <= now {
            ends.removeMin()
            if live[due.attempt]?.end == due.time { finish(due.attempt) }
            mayStart = true
        }
        while let due = departures.first, due.time <= now {
            departures.removeFirst()
            if starts[due.job] == nil {
                planner.withdraw(due.job)
                awaited.remove(due.job)
            }
            mayStart = true
        }
        while let due = arrivals.first, due.time <= now {
            arrivals.removeFirst()
            if let known = known(due.job) { planner.add(due.tasks, of: due.job, known, at: now) }
            mayStart = true
        }
        while let border = borders.first, border <= now {
            borders.removeFirst()
            mayStart = true
        }
        while let due = newcomers?.next, due.time <= now {
            newcomers?.advance()
            let id = Job.ID(Self.firstNewJob + UInt64(newJobs.count))
            let known = Foreseen.KnownJob(submitTime: now, terms: due.terms)
            newJobs[id] = known
            planner.add(due.tasks, of: id, known, at: now)
            steps += 16
            if !mayStart { mayStart = planner.mayStart(id) }
        }
        return mayStart
    }

    private mutating func plan() {
        let plan = planner.plan(facts, at: now)
        steps += 16 + planner.lines.lines.count + 32 * plan.starts.count
        for start in plan.starts { begin(start) }
        for victim in plan.preemptions.flatMap(\.victims) { stop(victim) }
        preemptions += plan.preemptions
    }

    // MARK: - Attempts

    private mutating func begin(_ start: Plan.Start) {
        begun[start.job, default: 0] += 1
        let id = AttemptID(task: TaskID(job: start.job), number: nextNumber)
        nextNumber += 1
        guard let attempt = planner.confirm(start, as: id, at: now) else { return }
        let end = end(of: attempt)
        live[id] = Live(attempt: attempt, parts: start.allocations, end: end)
        ends.insert(End(time: end, attempt: id))
        for allocation in start.allocations { charge(attempt, for: allocation, 1) }
        awaited.remove(start.job)
        if starts[start.job] == nil {
            let last = start.allocations.compactMap { lastEnded[$0.node] }.max { $0.order < $1.order }
            starts[start.job] = Start(time: now, after: last?.job)
        }
    }

    private mutating func stop(_ id: AttemptID) {
        guard var stopping = live[id] else { return }
        stopping.attempt.isStopping = true
        stopping.end = stopping.attempt.expectedEnd(at: now)
        live[id] = stopping
        comingBack.insert(id)
        ends.insert(End(time: stopping.end, attempt: id))
    }

    private mutating func finish(_ id: AttemptID) {
        guard let ended = live.removeValue(forKey: id) else { return }
        endCount += 1
        steps += 16
        let job = id.task.job
        planner.end(id, on: ended.parts.map(\.node), at: now)
        for part in ended.parts {
            lastEnded[part.node] = (job, endCount)
            charge(ended.attempt, for: part, -1)
        }
        if comingBack.remove(id) != nil {
            guard var known = known(job) else { return }
            known.terms.isReturning = true
            planner.add(1, of: job, known, at: now)
        } else if let left = followers[job], left > 0, let known = known(job) {
            followers[job] = left - 1
            planner.add(1, of: job, known, at: now)
        }
    }

    private mutating func charge(_ attempt: RunningAttempt, for allocation: Allocation, _ sign: Double) {
        let project = attempt.project ?? ""
        facts.usage.change(
            rate: sign * UsageLedger.charge(for: allocation),
            of: [.project(project), .user(attempt.user, project: project)], at: now,
            halfLife: planner.configuration.planning.fairShare.halfLife)
    }

    /// When an attempt ends in this course: as is believed of its job, or as the planner expects where that is outlived.
    private func end(of attempt: RunningAttempt) -> Timestamp {
        let expected = attempt.expectedEnd(at: now)
        guard !attempt.isStopping else { return expected }
        let known = known(attempt.id.task.job)
        let belief =
            known.map { RunTimeBelief($0.terms, facts.runTimes) }
            ?? RunTimeBelief(stated: attempt.expectedTime, limit: attempt.timeLimit)
        // What is believed of a job is believed for the devices where it goes fastest.
        let speed = known.map { relativeSpeed(of: attempt, $0.terms) } ?? 1
        let elapsed = max(0, (now - attempt.startTime).inSeconds) * speed
        let seconds =
            draw.map { belief.quantile(fraction($0, of: attempt), afterRunning: elapsed) }
            ?? belief.expected(afterRunning: elapsed)
        guard let seconds else { return expected }
        let end = attempt.startTime + Duration.microseconds(Int64(min(seconds / speed, 1e12) * 1_000_000))
        return max(now, attempt.timeLimit.map { min(end, attempt.startTime + $0) } ?? end)
    }

    private func relativeSpeed(of attempt: RunningAttempt, _ terms: WaitingTerms) -> Double {
        guard let slot = planner.fleet.slots[attempt.allocation.node],
            terms.shapes.indices.contains(attempt.allocation.shape),
            let throughput = terms.shapes[attempt.allocation.shape].request.throughput
                ?? facts.runTimes.throughput(of: terms.runTimeFeatures)
        else { return 1 }
        return throughput.speed(on: planner.fleet.node(slot).inventory.models(of: attempt.allocation))
    }

    /// 0 to 1, the same for the same start of the same job in each forecast, so that two of them differ only by what is
    /// changed between them.
    private func fraction(_ draw: Int, of attempt: RunningAttempt) -> Double {
        let job = attempt.id.task.job
        var seed = StableHasher()
        seed.combine(draw)
        seed.combine(job.number)
        seed.combine(attempt.id.task.index ?? 0)
        seed.combine(begun[job, default: 0])
        var generator = SeededGenerator(seed: seed.value)
        return Double(generator.next() >> 11) / 9_007_199_254_740_992
    }
}
