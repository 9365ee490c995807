import BerthModel
import HeapModule

/// When each node will have room for a shape, if nothing else starts: kept between plans and worked out anew only for
/// nodes that have changed.
struct EarliestFits: Sendable {
    /// The shape's, to know it by.
    let digest: UInt64
    private let number: Int
    private let leastSpeed: Double
    private var heap = Heap<Entry>()
    /// How many of the fleet's changes are in here; nil where no node was asked yet.
    private var changesSeen: Int?
    /// When it was last asked, as a number that grows.
    var lastUse = 0

    /// Ordered by time and name, so that the order in which nodes joined counts for nothing.
    private struct Entry: Comparable {
        var time: Timestamp
        var name: NodeName
        var slot: Int
        var version: UInt64

        static func < (left: Self, right: Self) -> Bool {
            (left.time, left.name, left.version) < (right.time, right.name, right.version)
        }
    }

    /// What is asked for: a shape, on nodes where it goes at least so fast.
    struct Key: Hashable {
        var shape: Int
        var leastSpeed: Double
    }

    /// Nodes that have room from a time on, by name.
    struct Place {
        var time: Timestamp
        var slots: [Int]
    }

    init(_ digest: UInt64, _ key: Key) {
        self.digest = digest
        number = key.shape
        leastSpeed = key.leastSpeed
    }

    /// The time from which as many nodes as the shape asks for have room, and those nodes by name.
    ///
    /// - Complexity: O(c log n) for c changes since the last call, O(n) at the first.
    mutating func first(_ spans: Planner.Spans, _ fleet: Fleet, _ shapes: inout ShapeTable, _ round: Round) -> Place? {
        catchUp(fleet, &shapes)
        let count = shapes[number].shape.request.nodes
        var looked: [Entry] = []
        var found: [(time: Timestamp, name: NodeName, slot: Int)] = []
        var unreserved = 0
        while unreserved < count, let entry = heap.popMin() {
            guard fleet.nodes[entry.slot].version == entry.version else { continue }
            looked.append(entry)
            let closing = fleet.makes[fleet.nodes[entry.slot].make].closing
            if round.reserved[entry.slot] == nil {
                let time = max(entry.time, round.now)
                guard spans.mayEnd(by: closing, from: time) else { continue }
                found.append((time, entry.name, entry.slot))
                unreserved += 1
            } else if let time = timeBesideKept(entry, spans, fleet, &shapes, round),
                spans.mayEnd(by: closing, from: time)
            {
                found.append((time, entry.name, entry.slot))
            }
        }
        for entry in looked { heap.insert(entry) }
        guard found.count >= count else { return nil }
        let chosen = found.sorted { ($0.time, $0.name) < ($1.time, $1.name) }.prefix(count)
        guard let last = chosen.last else { return nil }
        return Place(time: last.time, slots: chosen.sorted { $0.name < $1.name }.map(\.slot))
    }

    private mutating func catchUp(_ fleet: Fleet, _ shapes: inout ShapeTable) {
        let total = fleet.changesBefore + fleet.changes.count
        if let seen = changesSeen, seen >= fleet.changesBefore, heap.count < 4 * fleet.nodes.count + 64 {
            var slots = Set<Int>()
            for slot in fleet.changes[(seen - fleet.changesBefore)...] where slots.insert(slot).inserted {
                if let entry = entry(for: slot, fleet, &shapes) { heap.insert(entry) }
            }
        } else {
            heap = Heap(fleet.nodes.indices.compactMap { entry(for: $0, fleet, &shapes) })
        }
        changesSeen = total
    }

    private func entry(for slot: Int, _ fleet: Fleet, _ shapes: inout ShapeTable) -> Entry? {
        guard fleet.nodes[slot].group != nil, let fit = shapes.fit(number, on: fleet.nodes[slot].make, fleet),
            fit.speed >= leastSpeed, var place = fleet.nodes[slot].releases.first(where: fit.fits)
        else { return nil }
        if shapes[number].needsExactFit {
            let node = fleet.nodes[slot]
            let request = shapes[number].shape.request
            while place < node.releases.times.count, !node.fits(request, fleet.makes[node.make], by: place) {
                place += 1
            }
            guard place < node.releases.times.count else { return nil }
        }
        // What fits already fits at any time asked for, however long ago the node was looked at.
        let time = place == 0 ? Timestamp.epoch : fleet.nodes[slot].releases.times[place]
        return Entry(
            time: time, name: fleet.nodes[slot].node.name, slot: slot, version: fleet.nodes[slot].version)
    }

    /// The first time at which there is room beside what is kept free already.
    private func timeBesideKept(
        _ entry: Entry, _ spans: Planner.Spans, _ fleet: Fleet, _ shapes: inout ShapeTable, _ round: Round
    ) -> Timestamp? {
        let node = fleet.nodes[entry.slot]
        guard let fit = shapes.fit(number, on: node.make, fleet) else { return nil }
        let span = spans.expected(atSpeed: fit.speed)
        let ends = round.reserved[entry.slot, default: []].map(\.end).filter { $0 < .distantFuture }
        let times = (node.releases.times.filter { $0 >= entry.time } + ends + [round.now]).filter {
            $0 >= max(entry.time, round.now)
        }
        return times.sorted().first { time in
            round.leavesRoom(
                fit, on: node, from: time, until: span.map { time + $0 } ?? .distantFuture, slot: entry.slot)
        }
    }
}

extension PlannedNode {
    /// Whether the request fits, cores and devices looked at one by one, once the attempts that end by the moment with
    /// the number `place` have ended.
    func fits(_ request: ResourceRequest, _ make: NodeMake, by place: Int) -> Bool {
        let now = releases.times[0]
        let gone = running.filter { $0.expectedEnd(at: now) <= releases.times[place] }
        return NodeFit(node: node, layout: make.layout, request: request, free: free(without: gone))
            .placement(shape: 0).allocation != nil
    }

    /// What would be free if these attempts were gone.
    func free(without attempts: [RunningAttempt]) -> FreeResources {
        attempts.reduce(into: node.free) { $0.give($1.allocation, within: node.capacity) }
    }
}

extension FreeResources {
    /// Takes back what an attempt held, as far as the node still has it.
    fileprivate mutating func give(_ allocation: Allocation, within capacity: FreeResources) {
        cpus.formUnion(allocation.cpus.intersection(capacity.cpus))
        for share in allocation.memory {
            guard let limit = capacity.memory[share.numaNode] else { continue }
            memory[share.numaNode] = min(limit, memory[share.numaNode, default: 0].addingClamped(share.bytes))
        }
        for share in allocation.devices {
            guard let limit = capacity.devices[share.name] else { continue }
            devices[share.name] = min(limit, devices[share.name, default: 0] + share.thousandths)
        }
    }
}
