import BerthModel

/// The shapes that waiting tasks have, each with the groups of nodes that it fits on now. A group that comes to be is
/// asked once for each shape; after that, that nothing fits costs nothing to know. Within a plan most new groups are gone
/// again with the next start, and so a shape is asked for them only when its turn comes.
struct ShapeTable: Sendable {
    private(set) var shapes: [Entry] = []
    /// What any node must have for each of them, side by side: most groups are ruled out by this alone.
    private var floors: [Floor] = []
    /// Groups that have come to be and that not every shape in use was asked for.
    private var newGroups: [Fleet.GroupReference] = []
    private var numbers: [TaskShape: Int] = [:]
    private var unused: [Int] = []
    private var idleCount = 0
    /// What placements strand for others; nil where nothing is known, or there are no GPUs.
    private(set) var packing: FleetPacking?
    /// Shapes without a line that are kept, since the like of them comes again.
    private static let idleLimit = 4096

    struct Entry: Sendable {
        let shape: TaskShape
        /// Of every field of the shape.
        let digest: UInt64
        let needsExactFit: Bool
        /// By the make's number.
        var fits: [MakeFit] = []
        /// Groups that the shape fits on; stale ones among them.
        var feasible: [Feasible] = []
        /// Lines whose jobs have this shape.
        var lines = 0

        init(_ shape: TaskShape) {
            self.shape = shape
            needsExactFit = shape.needsExactFit
            var hasher = StableHasher()
            hasher.combine(shape.request)
            for constraint in shape.rule.constraints { hasher.combine(constraint.text) }
            hasher.combine(shape.rule.queue)
            hasher.combine(shape.rule.queueNodes?.text ?? "")
            digest = hasher.value
        }
    }

    /// What a shape needs wherever it goes.
    private struct Floor {
        let cores: Int
        let memoryBytes: Int64
        /// Whether a line has it.
        var isActive = false
        /// How many of the new groups it was asked for.
        var groupsSeen = 0

        init(_ request: ResourceRequest) {
            cores = request.countsThreads ? 0 : request.cpus
            memoryBytes = request.memoryBytes ?? 0
        }
    }

    /// What is known of a make's nodes.
    enum MakeFit: Sendable {
        case notAsked, never
        case fits(ShapeFit)
    }

    struct Feasible: Sendable {
        let group: Fleet.GroupReference
        /// Nil until it is asked for.
        var score: PlacementScore?
    }

    subscript(_ number: Int) -> Entry { shapes[number] }

    /// Whether a shape in use tells nodes apart by their names.
    var namesNodes: Bool { shapes.contains { $0.lines > 0 && $0.shape.rule.namesNodes } }

    /// The shape's number; a new one where it is not known.
    mutating func number(of shape: TaskShape) -> Int {
        if let known = numbers[shape] { return known }
        let number = unused.popLast() ?? shapes.count
        if number == shapes.count {
            shapes.append(Entry(shape))
            floors.append(Floor(shape.request))
        } else {
            shapes[number] = Entry(shape)
            floors[number] = Floor(shape.request)
        }
        numbers[shape] = number
        idleCount += 1
        return number
    }

    /// A line begins whose jobs have these shapes.
    mutating func begin(_ shapes: [Int], _ fleet: Fleet) {
        for number in shapes {
            self.shapes[number].lines += 1
            guard self.shapes[number].lines == 1 else { continue }
            idleCount -= 1
            floors[number].isActive = true
            floors[number].groupsSeen = newGroups.count
            self.shapes[number].feasible = []
            // Nodes that joined while nobody asked for names may differ by it from others of their make.
            if self.shapes[number].shape.rule.namesNodes { self.shapes[number].fits = [] }
            for reference in fleet.currentGroups { consider(reference, for: number, fleet) }
        }
    }

    mutating func end(_ shapes: [Int]) {
        for number in shapes {
            self.shapes[number].lines -= 1
            if self.shapes[number].lines == 0 {
                idleCount += 1
                floors[number].isActive = false
            }
        }
        if idleCount > Self.idleLimit { dropIdle() }
    }

    private mutating func dropIdle() {
        for (number, entry) in shapes.enumerated() where entry.lines == 0 && numbers[entry.shape] == number {
            numbers[entry.shape] = nil
            unused.append(number)
        }
        idleCount = 0
    }

    /// Groups have come to be.
    mutating func note(_ groups: [Fleet.GroupReference]) { newGroups += groups }

    /// Asks the new groups for every shape in use.
    ///
    /// - Complexity: O(g·s) for g groups and s shapes in use, some nanoseconds each.
    mutating func considerNewGroups(_ fleet: Fleet) {
        guard !newGroups.isEmpty else { return }
        for (place, reference) in newGroups.enumerated() where fleet.isCurrent(reference) {
            for number in floors.indices where floors[number].isActive && floors[number].groupsSeen <= place {
                consider(reference, for: number, fleet)
            }
        }
        newGroups.removeAll(keepingCapacity: newGroups.count < 1024)
        for number in floors.indices { floors[number].groupsSeen = 0 }
    }

    /// Asks the new groups for one shape.
    private mutating func considerNewGroups(for number: Int, _ fleet: Fleet) {
        guard floors[number].isActive else { return }
        while floors[number].groupsSeen < newGroups.count {
            let reference = newGroups[floors[number].groupsSeen]
            floors[number].groupsSeen += 1
            if fleet.isCurrent(reference) { consider(reference, for: number, fleet) }
        }
    }

    /// Whether the shape fits on a node, cores and devices looked at one by one. What one node of a group can take,
    /// each can.
    private func fitsExactly(_ number: Int, on slot: Int, _ fleet: Fleet) -> Bool {
        let node = fleet.node(slot)
        return NodeFit(
            node: node, layout: fleet.make(of: slot).layout, request: shapes[number].shape.request, free: node.free
        ).placement(shape: 0).allocation != nil
    }

    private mutating func consider(_ reference: Fleet.GroupReference, for number: Int, _ fleet: Fleet) {
        let place = reference.place
        guard fleet.groups[place].summary.coreCount >= floors[number].cores,
            fleet.groups[place].summary.memoryBytes >= floors[number].memoryBytes,
            fit(number, on: fleet.groups[place].summary.make, fleet)?.fits(fleet.groups[place].summary) == true,
            let slot = fleet.groups[place].members.last,
            !shapes[number].needsExactFit || fitsExactly(number, on: slot, fleet)
        else { return }
        shapes[number].feasible.append(Feasible(group: reference))
    }

    /// How the shape fits nodes of a make; nil where it never does.
    mutating func fit(_ number: Int, on make: Int, _ fleet: Fleet) -> ShapeFit? {
        let known = make < shapes[number].fits.count ? shapes[number].fits[make] : .notAsked
        switch known {
        case .fits(let fit): return fit
        case .never: return nil
        case .notAsked: break
        }
        let missing = make + 1 - shapes[number].fits.count
        if missing > 0 { shapes[number].fits.append(contentsOf: repeatElement(.notAsked, count: missing)) }
        let fit = ShapeFit(shapes[number].shape, on: fleet.makes[make])
        shapes[number].fits[make] = fit.map { .fits($0) } ?? .never
        return fit
    }

    /// How fast the shape goes on the nodes that take work and could hold it, each speed once, the fastest first.
    ///
    /// - Complexity: O(m) for m makes; O(1) where nothing is known of its throughput.
    mutating func speeds(_ number: Int, _ fleet: Fleet) -> [Double] {
        guard shapes[number].shape.request.throughput != nil else { return [1] }
        var speeds: Set<Double> = []
        for make in fleet.workingMakes {
            if let fit = fit(number, on: make, fleet) { speeds.insert(fit.speed) }
        }
        return speeds.sorted(by: >)
    }

    /// Whether the shape may fit somewhere now.
    mutating func mayFit(_ number: Int, _ fleet: Fleet) -> Bool {
        considerNewGroups(for: number, fleet)
        guard !shapes[number].feasible.isEmpty else { return false }
        if shapes[number].feasible.contains(where: { !fleet.isCurrent($0.group) }) {
            shapes[number].feasible.removeAll { !fleet.isCurrent($0.group) }
        }
        return !shapes[number].feasible.isEmpty
    }

    typealias Scored = (group: Fleet.GroupReference, score: PlacementScore)

    /// The groups that the shape may fit on now, with what it would cost there.
    mutating func scored(_ number: Int, _ fleet: Fleet) -> [Scored] {
        considerNewGroups(for: number, fleet)
        return shapes[number].feasible.indices.filter { fleet.isCurrent(shapes[number].feasible[$0].group) }.map {
            (shapes[number].feasible[$0].group, score(number, at: $0, fleet))
        }
    }

    /// The few best of them, so that sorting all is not the price of each start; and how many there are.
    mutating func leading(_ number: Int, _ fleet: Fleet) -> (best: [Scored], count: Int) {
        considerNewGroups(for: number, fleet)
        var best: [Scored] = []
        var count = 0
        for place in shapes[number].feasible.indices {
            let group = shapes[number].feasible[place].group
            guard fleet.isCurrent(group) else { continue }
            count += 1
            let candidate = (group: group, score: score(number, at: place, fleet))
            if best.count == Decision.recordedCandidates, !fleet.precedes(candidate, best[best.count - 1]) { continue }
            best.insert(candidate, at: best.firstIndex { fleet.precedes(candidate, $0) } ?? best.count)
            if best.count > Decision.recordedCandidates { best.removeLast() }
        }
        return (best, count)
    }

    private mutating func score(_ number: Int, at place: Int, _ fleet: Fleet) -> PlacementScore {
        if let known = shapes[number].feasible[place].score { return known }
        let group = shapes[number].feasible[place].group
        let score = score(number, on: fleet.groups[group.place].summary, fleet)
        shapes[number].feasible[place].score = score
        return score
    }

    private mutating func score(_ number: Int, on summary: NodeSummary, _ fleet: Fleet) -> PlacementScore {
        guard let fit = fit(number, on: summary.make, fleet) else {
            preconditionFailure("only what fits is scored")
        }
        let rating = packing?.rating(shapes[number].shape.request, on: summary)
        return fit.score(summary, fragmentation: rating?.fragmentation ?? 0)
    }

    /// The GPU that a share of the shape goes to on a node of the group; nil where all will do.
    mutating func gpu(for number: Int, on summary: NodeSummary) -> String? {
        guard let gpus = shapes[number].shape.request.gpus, gpus.thousandths < GPURequest.whole else { return nil }
        return packing?.rating(shapes[number].shape.request, on: summary).gpu
    }

    /// Rates from now on by another mix of jobs, or another fleet; what was rated before no longer counts.
    mutating func repack(_ packing: FleetPacking?) {
        self.packing = packing
        for number in shapes.indices {
            for place in shapes[number].feasible.indices { shapes[number].feasible[place].score = nil }
        }
    }
}
