public import BerthModel

/// What starts now.
public struct Plan: Sendable {
    /// In the order in which they were decided.
    public var starts: [Start] = []
    /// When the next waiting job may start for another reason than an event: its begin or the end of its backoff.
    public var nextTime: Timestamp?

    public struct Start: Sendable {
        public var attempt: Attempt
        public var decision: Decision
    }
}

/// The rules that `plan` follows; part of every decision's record.
public let planningPolicy = "first-fit-in-order/1"

/// Chooses which waiting tasks start now and exactly where. Jobs are looked at by tier, then by submission time; one
/// that does not fit is passed over, so that the ones after it may start.
///
/// Pure and deterministic: the same cluster and instant give the same plan, in this process or in a replay. Nodes are
/// taken in the order of their names, and the best score wins, ties going to the first.
///
/// - Complexity: O(w + c·n + s·n) for w waiting jobs, c classes of equal requests, n nodes and s starts; waiting jobs
///   cost nothing once no PU is free.
public func plan(_ cluster: Cluster, at now: Timestamp) -> Plan {
    var planner = Planner(cluster, at: now)
    return planner.plan()
}

/// One plan in the making: what is free after the starts so far.
struct Planner {
    private let cluster: Cluster
    private let now: Timestamp
    private var nodes: [Node]
    private var nodeDigests: [UInt64]
    private var placements: [RequestClass: [[Placement]]] = [:]
    private var startedInQueue: [String: Int] = [:]
    private var startedByUser: [String: Int] = [:]
    private var nextFence: UInt64
    private var result = Plan()

    /// Jobs whose tasks fit on the same nodes.
    private struct RequestClass: Hashable {
        var shapes: [ResourceRequest]
        var constraints: [Expression]
        var queue: String
    }

    init(_ cluster: Cluster, at now: Timestamp) {
        self.cluster = cluster
        self.now = now
        nodes = cluster.nodes.values.filter(\.takesWork).sorted { $0.name < $1.name }
        nodeDigests = nodes.map(Self.digest)
        nextFence = cluster.nextFence
    }

    mutating func plan() -> Plan {
        var hasFreeCPUs = nodes.contains { !$0.free.cpus.isEmpty }
        for (position, place) in cluster.queueOrder.enumerated() {
            guard let job = cluster.jobs[place.job] else { continue }
            if !job.isHeld, job.waitsFor.isEmpty,
                let time = [job.specification.begin, earliestRetry(job)].compactMap({ $0 }).filter({ $0 > now }).min()
            {
                result.nextTime = min(result.nextTime ?? time, time)
            }
            guard hasFreeCPUs, isEligible(job) else { continue }
            start(job, jobsAhead: position)
            hasFreeCPUs = nodes.contains { !$0.free.cpus.isEmpty }
        }
        return result
    }

    private func earliestRetry(_ job: Job) -> Timestamp? {
        guard job.waitingAgain > 0 else { return nil }
        return job.tasks.values.compactMap { task in
            if case .waiting(let notBefore?) = task.state { notBefore } else { nil }
        }.filter { $0 > now }.min()
    }

    private func isEligible(_ job: Job) -> Bool {
        !job.isHeld && job.waitsFor.isEmpty && job.failedDependency == nil && (job.specification.begin ?? now) <= now
    }

    /// Starts as many of the job's waiting tasks as fit and may.
    private mutating func start(_ job: Job, jobsAhead: Int) {
        let specification = job.specification
        let queue = cluster.configuration.queue(specification.queue)
        let requestClass = RequestClass(
            shapes: specification.shapes, constraints: specification.constraints, queue: specification.queue)
        var active = job.active
        for index in waitingIndices(job) {
            let userKey = specification.queue + "\n" + job.submission.user
            let inQueue =
                cluster.runningTasks(queue: specification.queue) + startedInQueue[specification.queue, default: 0]
            let byUser =
                cluster.runningTasks(queue: specification.queue, user: job.submission.user)
                + startedByUser[userKey, default: 0]
            guard active < specification.array?.parallel ?? .max, inQueue < queue?.maximumRunning ?? .max,
                byUser < queue?.maximumRunningPerUser ?? .max, let choice = choice(requestClass, jobsAhead: jobsAhead)
            else { return }
            let before = job.tasks[index]
            let attempt = Attempt(
                id: AttemptID(task: job.taskID(index), number: (before?.attempts ?? 0) + 1), fence: nextFence,
                allocation: choice.allocation, plannedTime: now)
            result.starts.append(Plan.Start(attempt: attempt, decision: choice.decision))
            nextFence += 1
            active += 1
            startedInQueue[specification.queue, default: 0] += 1
            startedByUser[userKey, default: 0] += 1
            take(choice.allocation, on: choice.nodeIndex)
        }
    }

    /// Tasks that were started before come first, so that a preempted or lost one is not behind its peers.
    private func waitingIndices(_ job: Job) -> [Int] {
        let again: [Int] =
            job.waitingAgain == 0
            ? []
            : job.tasks.filter { _, task in
                if case .waiting(let notBefore) = task.state { (notBefore ?? now) <= now } else { false }
            }.keys.sorted()
        let mostStarts = nodes.reduce(0) { $0 + $1.free.cpus.count }
        return again + job.untouched.prefix(mostStarts)
    }

    private struct Choice {
        var nodeIndex: Int
        var allocation: Allocation
        var decision: Decision
    }

    /// The best node for the first of the job's shapes that fits anywhere.
    private mutating func choice(_ requestClass: RequestClass, jobsAhead: Int) -> Choice? {
        let placed = placements[requestClass] ?? nodes.map { Self.placements(requestClass, on: $0, cluster) }
        placements[requestClass] = placed
        for shape in requestClass.shapes.indices {
            let fits = placed.indices.compactMap { index -> (Int, Allocation, PlacementScore)? in
                guard case .fits(let allocation, let score) = placed[index][shape] else { return nil }
                return (index, allocation, score)
            }.sorted { ($0.2, nodes[$0.0].name) < ($1.2, nodes[$1.0].name) }
            guard let best = fits.first else { continue }
            var rejected: [String: Int] = [:]
            for case .short(let shortfalls) in placed.map({ $0[shape] }) {
                for shortfall in shortfalls { rejected[shortfall.name, default: 0] += 1 }
            }
            let decision = Decision(
                policy: planningPolicy, saw: digest(requestClass), jobsAhead: jobsAhead, nodesConsidered: nodes.count,
                candidates: fits.prefix(Decision.recordedCandidates).map {
                    Decision.Candidate(node: nodes[$0.0].name, shape: shape, score: $0.2)
                }, rejected: rejected)
            return Choice(nodeIndex: best.0, allocation: best.1, decision: decision)
        }
        return nil
    }

    private static func placements(_ requestClass: RequestClass, on node: Node, _ cluster: Cluster) -> [Placement] {
        requestClass.shapes.enumerated().map { shape, request in
            let rules = rules(queue: requestClass.queue, constraints: requestClass.constraints, on: node, cluster)
            guard rules.isEmpty else { return .short(rules) }
            return NodeFit(node: node, request: request, free: node.free).placement(shape: shape)
        }
    }

    private mutating func take(_ allocation: Allocation, on index: Int) {
        nodes[index].take(allocation)
        nodeDigests[index] = Self.digest(nodes[index])
        let node = nodes[index]
        for requestClass in placements.keys {
            placements[requestClass]?[index] = Self.placements(requestClass, on: node, cluster)
        }
    }

    /// Of the request, the rules about nodes, and every node's make and free resources.
    private func digest(_ requestClass: RequestClass) -> String {
        var hasher = StableHasher()
        for request in requestClass.shapes { hasher.combine(request) }
        for constraint in requestClass.constraints { hasher.combine(constraint.text) }
        hasher.combine(requestClass.queue)
        hasher.combine(cluster.configuration.queue(requestClass.queue)?.nodes?.text ?? "")
        for digest in nodeDigests { hasher.combine(digest) }
        return hasher.text
    }

    private static func digest(_ node: Node) -> UInt64 {
        var hasher = StableHasher()
        hasher.combine(node.name.text)
        hasher.combine(node.registration.inventoryDigest)
        hasher.combine(node.registration.reservedCPUs)
        hasher.combine(node.registration.reservedMemoryBytes)
        for (name, value) in node.registration.labels.sorted(by: { $0.key < $1.key }) {
            hasher.combine(name)
            hasher.combine(value)
        }
        hasher.combine(node.free.cpus.description)
        for (numaNode, bytes) in node.free.memory.sorted(by: { $0.key < $1.key }) {
            hasher.combine(numaNode)
            hasher.combine(bytes)
        }
        for (device, thousandths) in node.free.devices.sorted(by: { $0.key < $1.key }) {
            hasher.combine(device)
            hasher.combine(thousandths)
        }
        return hasher.value
    }

    /// What keeps the job from the node whatever is free there.
    static func rules(queue name: String, constraints: [Expression], on node: Node, _ cluster: Cluster) -> [Shortfall] {
        var shortfalls: [Shortfall] = []
        if let nodes = cluster.configuration.queue(name)?.nodes, !nodes.holds(node.attribute) {
            shortfalls.append(.queue(name: name, nodes: nodes.text))
        }
        for constraint in constraints where !constraint.holds(node.attribute) {
            shortfalls.append(.constraint(constraint.text))
        }
        return shortfalls
    }
}

/// Every reason for which the job's waiting tasks do not start now; empty where they could, or where none waits.
///
/// - Complexity: O(n) for n nodes, and O(w) for the w jobs before it.
public func waitReasons(for job: Job, in cluster: Cluster, at now: Timestamp) -> [WaitReason] {
    guard job.hasWaitingTasks else { return [] }
    var reasons: [WaitReason] = []
    let specification = job.specification
    if job.isHeld { reasons.append(.held) }
    if let begin = specification.begin, begin > now { reasons.append(.begins(at: begin)) }
    reasons += job.waitsFor.map { .dependency($0) }
    if job.untouched.isEmpty {
        let times = job.tasks.values.compactMap { task -> Timestamp? in
            if case .waiting(let notBefore?) = task.state { notBefore } else { nil }
        }
        if let earliest = times.min(), earliest > now, times.count == job.waitingAgain {
            reasons.append(.backoff(until: earliest))
        }
    }
    if let parallel = specification.array?.parallel, job.active >= parallel {
        reasons.append(.arrayLimit(parallel: parallel))
    }
    if let queue = cluster.configuration.queue(specification.queue) {
        if let limit = queue.maximumRunning, cluster.runningTasks(queue: queue.name) >= limit {
            reasons.append(.queueLimit(queue: queue.name, limit: limit))
        }
        if let limit = queue.maximumRunningPerUser,
            cluster.runningTasks(queue: queue.name, user: job.submission.user) >= limit
        {
            reasons.append(.userLimit(queue: queue.name, user: job.submission.user, limit: limit))
        }
    }
    reasons += resourceReasons(for: specification, in: cluster)
    let ahead = cluster.queueOrder.prefix { $0.job != job.id }.count
    if ahead > 0, reasons.contains(where: \.isShared) { reasons.append(.behind(jobs: ahead)) }
    return reasons
}

private func resourceReasons(for specification: JobSpecification, in cluster: Cluster) -> [WaitReason] {
    guard !cluster.nodes.isEmpty else { return [.noNodes] }
    var reasons: [WaitReason] = []
    for (shape, request) in specification.shapes.enumerated() {
        var short: [WaitReason.NodeShortfall] = []
        for node in cluster.nodes.values.sorted(by: { $0.name < $1.name }) {
            var shortfalls: [Shortfall] = node.isUp ? [] : [.lost]
            if let drain = node.drain { shortfalls.append(.drained(reason: drain.reason)) }
            if node.registration.isLeaving { shortfalls.append(.drained(reason: "its agent is leaving")) }
            shortfalls += Planner.rules(
                queue: specification.queue, constraints: specification.constraints, on: node, cluster)
            if case .short(let more) = NodeFit(node: node, request: request, free: node.free).placement(shape: shape) {
                shortfalls += more
            }
            if shortfalls.isEmpty { return [] }
            short.append(.init(node: node.name, shortfalls: shortfalls))
        }
        reasons.append(.resources(shape: shape, nodes: short))
    }
    return reasons
}

/// Whether an empty node of the fleet could run the task, and if none could, how near the nearest came.
///
/// - Returns: nil where some node could, or where the fleet has no node yet.
func nearestMiss(for specification: JobSpecification, in cluster: Cluster) -> (node: NodeName, shortfalls: [Shortfall])?
{
    var nearest: (rank: [Int], node: NodeName, shortfalls: [Shortfall])?
    for node in cluster.nodes.values.sorted(by: { $0.name < $1.name }) {
        for (shape, request) in specification.shapes.enumerated() {
            var shortfalls = Planner.rules(
                queue: specification.queue, constraints: specification.constraints, on: node, cluster)
            let fit = NodeFit(node: node, request: request, free: node.capacity)
            if case .short(let more) = fit.placement(shape: shape) { shortfalls += more }
            if shortfalls.isEmpty { return nil }
            let rank = [shortfalls.count, shortfalls.reduce(0) { $0 + $1.distance }]
            if let best = nearest, !rank.lexicographicallyPrecedes(best.rank) { continue }
            nearest = (rank, node.name, shortfalls)
        }
    }
    return nearest.map { ($0.node, $0.shortfalls) }
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
