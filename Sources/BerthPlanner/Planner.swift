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
    var earliest: [EarliestFits.Key: EarliestFits] = [:]
    var earliestUses = 0
    /// Bounds what `earliest` takes, at some forty bytes an entry.
    static let mostEarliestEntries = 4_000_000
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

    mutating func noteExpiry(of name: NodeName) {
        guard let slot = fleet.slots[name] else { return }
        let node = fleet.nodes[slot]
        guard node.releases.firstEnd < .distantFuture else { return }
        expiries.insert(Expiry(time: node.releases.firstEnd, slot: slot, version: node.version))
    }

    mutating func takeNewGroups() { shapes.note(fleet.takeNewGroups()) }

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
    mutating func catchUp(at now: Timestamp) {
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
        shapes.considerNewGroups(fleet)
    }

    /// Rates placements by the mix of jobs that comes now, once that or the fleet has changed.
    mutating func repack(_ requests: RequestHistory) {
        let source = PackingSource(epoch: requests.epoch, makes: fleet.makes.count, nodes: fleet.nodes.count)
        guard source != packingSource else { return }
        packingSource = source
        shapes.repack(FleetPacking(fleet.makes, nodes: fleet.nodes, requests: requests.requests))
    }

    /// Lets lines whose jobs state no throughput go by what has been learned of it, once that has changed.
    mutating func adoptThroughputs(_ runTimes: RunTimeKnowledge) {
        guard runTimes.knowsThroughputs else { return }
        for line in lines.occupied where lines.lines[line].throughputEpoch != runTimes.epoch {
            let terms = lines.lines[line].terms
            let learned = runTimes.throughput(of: terms.runTimeFeatures)
            let numbers = terms.shapes.map { shape in
                var shape = shape
                shape.request.throughput = shape.request.throughput ?? learned
                return shapes.number(of: shape)
            }
            let former = lines.setShapes(numbers, of: line, epoch: runTimes.epoch)
            guard former != numbers else { continue }
            shapes.begin(numbers, fleet)
            shapes.end(former)
        }
    }
}
