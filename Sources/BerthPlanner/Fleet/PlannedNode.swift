public import BerthModel

/// An attempt that holds resources, with what a plan has to know of it.
public struct RunningAttempt: Hashable, Sendable {
    public var id: AttemptID
    /// What it holds on the node it is told for; a gang's member on each of its nodes.
    public var allocation: Allocation
    /// Whether limits on tasks count it: a gang is one task, counted with one of its members.
    public var countsAsTask: Bool
    public var queue: String
    public var user: String
    public var project: String?
    public var tier: Int
    /// Whether its queue lets it be stopped for others.
    public var isPreemptible: Bool
    /// Whether it was started with more than its project's quota.
    public var isBorrowing: Bool
    /// Whether it has been asked to end already.
    public var isStopping: Bool
    public var startTime: Timestamp
    /// How long it is expected to run; nil where nothing is known.
    public var expectedTime: Duration?
    public var timeLimit: Duration?
    /// The last complete checkpoint it told of.
    public var checkpointTime: Timestamp?

    public init(
        id: AttemptID, allocation: Allocation, countsAsTask: Bool = true, queue: String, user: String,
        project: String? = nil, tier: Int = 0,
        isPreemptible: Bool = false, isBorrowing: Bool = false, isStopping: Bool = false, startTime: Timestamp,
        expectedTime: Duration? = nil, timeLimit: Duration? = nil, checkpointTime: Timestamp? = nil
    ) {
        self.id = id
        self.allocation = allocation
        self.countsAsTask = countsAsTask
        self.queue = queue
        self.user = user
        self.project = project
        self.tier = tier
        self.isPreemptible = isPreemptible
        self.isBorrowing = isBorrowing
        self.isStopping = isStopping
        self.startTime = startTime
        self.expectedTime = expectedTime
        self.timeLimit = timeLimit
        self.checkpointTime = checkpointTime
    }

    /// When it is expected to end; a day after its start where nothing is known. What has outlived its expectation is expected to run twice as long, again and
    /// again, but not beyond its limit; what has outlived that, or has been asked to end, ends within the minute.
    ///
    /// The same for all times until the one it tells: what was worked out from it holds until then.
    public func expectedEnd(at now: Timestamp) -> Timestamp {
        let minute: Int64 = 60_000_000
        let soon = Timestamp(microseconds: (now.microseconds / minute + 1) * minute)
        if isStopping { return soon }
        let limit = timeLimit.map { startTime + $0 } ?? .distantFuture
        if limit <= now { return soon }
        var guess = max(expectedTime ?? min(.seconds(86_400), timeLimit ?? .seconds(86_400)), .seconds(1))
        while startTime + guess <= now { guess += guess }
        return min(startTime + guess, limit)
    }
}

extension Timestamp {
    /// Later than anything that is planned for.
    static let distantFuture = Timestamp(microseconds: .max)
}

/// A node of the fleet with what runs on it and when that is expected to be over.
struct PlannedNode: Sendable {
    var node: Node
    var make: Int
    /// Its place among the groups; nil while it takes no work.
    var group: Int?
    var summary: NodeSummary
    var running: [RunningAttempt]
    var releases: Releases
    /// Grows with each change; what was worked out for an earlier one no longer counts.
    var version: UInt64
    var digest: UInt64
}

/// What will be free on a node after each expected end, if nothing else starts there.
struct Releases: Sendable {
    /// Ascending; the first is when the node was looked at.
    private(set) var times: [Timestamp]
    private(set) var summaries: [NodeSummary]

    init(_ node: Node, _ now: Timestamp, running: [RunningAttempt], make: NodeMake, summary free: NodeSummary) {
        times = [now]
        summaries = [free]
        var cpus = node.free.cpus
        let ends = running.map { (end: $0.expectedEnd(at: now), attempt: $0) }.filter { $0.end < .distantFuture }
            .sorted { ($0.end, $0.attempt.id) < ($1.end, $1.attempt.id) }
        var summary = free
        for (place, end) in ends.enumerated() {
            cpus.formUnion(end.attempt.allocation.cpus)
            make.give(end.attempt.allocation, to: &summary, freeCPUs: cpus)
            if end.end == times[times.count - 1] {
                summaries[summaries.count - 1] = summary
            } else {
                times.append(end.end)
                summaries.append(summary)
            }
            if place == running.count - 1 { summaries[summaries.count - 1].isEmpty = true }
        }
    }

    /// When the first of them is due: until then they hold.
    var firstEnd: Timestamp { times.count > 1 ? times[1] : .distantFuture }

    /// The first moment at which `fits` is true; it must be one that stays true as more gets free.
    ///
    /// - Complexity: O(log a) for a attempts.
    func first(where fits: (NodeSummary) -> Bool) -> Int? {
        var low = 0
        var high = summaries.count
        while low < high {
            let middle = (low + high) / 2
            if fits(summaries[middle]) { high = middle } else { low = middle + 1 }
        }
        return low < summaries.count ? low : nil
    }

    func last(by time: Timestamp) -> NodeSummary {
        let after = times.firstIndex { $0 > time } ?? times.count
        return summaries[max(after - 1, 0)]
    }
}

extension NodeMake {
    /// Adds what an attempt holds to what is free; `freeCPUs` has its PUs already.
    func give(_ allocation: Allocation, to summary: inout NodeSummary, freeCPUs: CPUSet) {
        for (place, part) in layout.numaParts.enumerated() where !part.cpus.isDisjoint(with: allocation.cpus) {
            summary.cores[place] = Int32(clamping: part.wholeCores(of: freeCPUs))
            summary.pus[place] = Int32(clamping: part.cpus.sharedCount(with: freeCPUs))
        }
        for share in allocation.memory {
            guard let place = numaNodes.firstIndex(of: share.numaNode) else { continue }
            summary.memory[place] = summary.memory[place].addingClamped(share.bytes)
        }
        for share in allocation.devices {
            guard let place = devices.firstIndex(where: { $0.name == share.name }) else { continue }
            summary.devices[place] += Int32(clamping: share.thousandths)
        }
    }
}
