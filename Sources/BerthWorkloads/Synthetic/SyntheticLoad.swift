import BerthModel
import BerthPlanner

/// Measures the planner on a full cluster with a long queue: what an event costs, a submission, a plan from nothing and
/// an explanation.
public struct SyntheticLoad: Sendable {
    private let nodeCount: Int
    private let queued: Int
    private let classCount: Int
    private let events: Int

    /// - Throws: where a count is out of range.
    public init(nodes: Int, queued: Int, classes: Int, events: Int) throws(TraceError) {
        for (name, value, limit) in [
            ("nodes", nodes, 200_000), ("queued jobs", queued, 5_000_000), ("classes", classes, 100_000),
            ("events", events, 10_000_000),
        ] where value < 1 || value > limit {
            throw TraceError("There are \(value) \(name); between 1 and \(limit) can be simulated.")
        }
        (nodeCount, self.queued, classCount, self.events) = (nodes, queued, classes, events)
    }

    /// - Parameters:
    ///   - cpuClock: seconds of CPU used so far.
    ///   - memoryInUse: bytes the process has allocated and not freed.
    public func simulate(seed: UInt64, cpuClock: () -> Double, memoryInUse: () -> Int) -> SimulationRun {
        var scene = Scene(nodes: nodeCount, classes: classCount, seed: seed)
        let filling = min(queued, 50_000)
        let fullPlan = scene.fill(filling, cpuClock)
        let bytesBefore = memoryInUse()
        let submits = scene.submit(queued - scene.waitingCount, cpuClock)
        let bytes = Double(memoryInUse() - bytesBefore) / Double(max(1, submits.count))
        scene.warmUp()
        let eventTimes = scene.run(events, cpuClock)
        let whyTimes = scene.explain(20, cpuClock)
        return SimulationRun(
            label: "seed \(seed)",
            metrics: [
                .init("eventMicroseconds", key: "median", Self.quantile(0.5, eventTimes) * 1e6),
                .init("eventMicroseconds", key: "p99", Self.quantile(0.99, eventTimes) * 1e6),
                .init("submitMicroseconds", key: "median", Self.quantile(0.5, submits) * 1e6),
                .init("submitMicroseconds", key: "p99", Self.quantile(0.99, submits) * 1e6),
                .init("fullPlanSeconds", fullPlan.seconds),
                .init("whyMilliseconds", Self.quantile(0.5, whyTimes) * 1e3),
                .init("bytesPerQueuedJob", bytes),
                .init("startsPerSecond", Double(fullPlan.starts) / max(fullPlan.seconds, 1e-9)),
            ])
    }

    private static func quantile(_ fraction: Double, _ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(fraction * Double(sorted.count)))]
    }
}

/// The cluster while it is measured.
private struct Scene {
    private let cluster: SyntheticCluster
    private let empty: [NodeName: Node]
    private var planner: Planner
    private var random: SeededGenerator
    private var running: [NodeName: [RunningAttempt]] = [:]
    private var live: [(node: NodeName, attempt: AttemptID)] = []
    private var terms: [Job.ID: Int] = [:]
    private var nextJob: UInt64 = 1
    private var nextAttempt = 1
    private var now = Timestamp(microseconds: 1_000_000_000_000)
    private let facts = PlanningFacts()

    init(nodes: Int, classes: Int, seed: UInt64) {
        cluster = SyntheticCluster(nodes: nodes, classes: classes, seed: seed)
        empty = Dictionary(cluster.nodes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        planner = Planner(ClusterConfiguration())
        random = SeededGenerator(seed: seed ^ 0x5EED)
        for node in cluster.nodes { planner.put(node, running: [], at: now) }
    }

    var waitingCount: Int { planner.waitingJobs }

    /// Queues jobs for an empty fleet and plans them at once.
    mutating func fill(_ jobs: Int, _ cpuClock: () -> Double) -> (seconds: Double, starts: Int) {
        for _ in 0..<jobs { submitOne() }
        let start = cpuClock()
        let plan = planner.plan(facts, at: now)
        let seconds = cpuClock() - start
        take(plan)
        return (seconds, plan.starts.count)
    }

    /// CPU seconds of each of so many submissions.
    mutating func submit(_ jobs: Int, _ cpuClock: () -> Double) -> [Double] {
        (0..<max(0, jobs)).map { _ in
            let start = cpuClock()
            submitOne()
            return cpuClock() - start
        }
    }

    /// A plan in which every class has been looked at, as in a controller that has run for a while.
    mutating func warmUp() { take(planner.plan(facts, at: now)) }

    private mutating func submitOne() {
        let job = Job.ID(nextJob)
        nextJob += 1
        let kind = Int.random(in: 0..<cluster.classes.count, using: &random)
        terms[job] = kind
        planner.put(WaitingJob(id: job, submitTime: now), cluster.classes[kind], at: now)
    }

    /// CPU seconds from the end of an attempt to the plan that follows from it; a job is submitted for each that
    /// starts, so that the queue stays as long as it is.
    mutating func run(_ events: Int, _ cpuClock: () -> Double) -> [Double] {
        var times: [Double] = []
        for _ in 0..<events where !live.isEmpty {
            now = now + .milliseconds(200)
            let place = Int.random(in: 0..<live.count, using: &random)
            let (name, id) = live[place]
            live.swapAt(place, live.count - 1)
            live.removeLast()
            guard var node = empty[name] else { continue }
            running[name]?.removeAll { $0.id == id }
            let attempts = running[name] ?? []
            for attempt in attempts { node.take(attempt.allocation) }
            let start = cpuClock()
            planner.put(node, running: attempts, at: now)
            let plan = planner.plan(facts, at: now)
            times.append(cpuClock() - start)
            take(plan)
            for _ in plan.starts { submitOne() }
        }
        return times
    }

    /// CPU seconds of explaining why jobs wait.
    mutating func explain(_ jobs: Int, _ cpuClock: () -> Double) -> [Double] {
        let waiting = terms.keys.sorted().suffix(jobs * 50).filter { planner.isWaiting($0) }.prefix(jobs)
        return waiting.compactMap { job in
            guard let kind = terms[job] else { return nil }
            let start = cpuClock()
            let reasons = planner.waitReasons(for: cluster.classes[kind], at: now)
            let ahead = planner.jobsAhead(of: job, facts, at: now)
            let seconds = cpuClock() - start
            precondition(ahead > 0 || !reasons.isEmpty, "whoever waits has a reason")
            return seconds
        }
    }

    /// Makes the starts of a plan true.
    private mutating func take(_ plan: Plan) {
        var changed: Set<NodeName> = []
        for start in plan.starts {
            guard let kind = terms.removeValue(forKey: start.job) else { continue }
            for allocation in start.allocations {
                let id = AttemptID(task: TaskID(job: start.job), number: nextAttempt)
                nextAttempt += 1
                running[allocation.node, default: []].append(
                    RunningAttempt(
                        id: id, allocation: allocation, queue: "batch", user: cluster.classes[kind].user,
                        project: cluster.classes[kind].project, tier: 50, startTime: now,
                        expectedTime: start.expectedTime, timeLimit: cluster.classes[kind].timeLimit))
                live.append((allocation.node, id))
                changed.insert(allocation.node)
            }
        }
        for name in changed.sorted() {
            guard var node = empty[name] else { continue }
            for attempt in running[name] ?? [] { node.take(attempt.allocation) }
            planner.put(node, running: running[name] ?? [], at: now)
        }
    }
}
