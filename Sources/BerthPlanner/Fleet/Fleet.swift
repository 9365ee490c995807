import BerthModel

/// The nodes as the planner sees them. Nodes that differ only in name are one group, and what changes is known, so that
/// a plan looks at what is new and not at every node.
struct Fleet: Sendable {
    private(set) var nodes: [PlannedNode] = []
    private(set) var slots: [NodeName: Int] = [:]
    private(set) var makes: [NodeMake] = []
    private(set) var groups: [NodeGroup] = []
    private var makeNumbers: [NodeMake.Key: Int] = [:]
    private var groupPlaces: [NodeSummary: Int] = [:]
    private var unusedGroups: [Int] = []
    private var nextSerial: UInt64 = 1
    private var nextVersion: UInt64 = 1
    /// Groups that have come to be since they were last taken.
    private(set) var newGroups: [GroupReference] = []
    /// Slots in the order in which they changed; `changesBefore` have been dropped from its front.
    private(set) var changes: [Int] = []
    private(set) var changesBefore = 0
    /// Of every node's make and free resources, in no order.
    private(set) var digest: UInt64 = 0
    /// Nodes whose name some rule asks for.
    private(set) var namedNodes: Set<NodeName> = []

    struct NodeGroup: Sendable {
        var summary: NodeSummary
        /// Slots, the node with the least name last.
        var members: [Int]
        var serial: UInt64
    }

    /// A group as it was; stale once its last node has left.
    struct GroupReference: Sendable {
        var place: Int
        var serial: UInt64
    }

    func group(_ reference: GroupReference) -> NodeGroup? {
        isCurrent(reference) ? groups[reference.place] : nil
    }

    func isCurrent(_ reference: GroupReference) -> Bool {
        groups[reference.place].serial == reference.serial && !groups[reference.place].members.isEmpty
    }

    /// Whether one group is to be taken before another: by its score, and the least name among equals.
    func precedes(
        _ left: (group: GroupReference, score: PlacementScore), _ right: (group: GroupReference, score: PlacementScore)
    ) -> Bool {
        if left.score != right.score { return left.score < right.score }
        guard let first = groups[left.group.place].members.last, let second = groups[right.group.place].members.last
        else { return false }
        return nodes[first].node.name < nodes[second].node.name
    }

    var currentGroups: [GroupReference] {
        groups.indices.filter { !groups[$0].members.isEmpty }.map {
            GroupReference(place: $0, serial: groups[$0].serial)
        }
    }

    /// Slots of nodes that take work, by name.
    var slotsInOrder: [Int] {
        nodes.indices.filter { nodes[$0].group != nil }.sorted { nodes[$0].node.name < nodes[$1].node.name }
    }

    func node(_ slot: Int) -> Node { nodes[slot].node }
    func make(of slot: Int) -> NodeMake { makes[nodes[slot].make] }
    /// Groups that have nodes.
    var groupCount: Int { groupPlaces.count }
    /// Nodes that take work.
    private(set) var workingCount = 0
    /// The same by make.
    private var workingByMake: [Int] = []
    /// Makes with nodes that take work.
    var workingMakes: [Int] { workingByMake.indices.filter { workingByMake[$0] > 0 } }

    // MARK: - Changes

    /// Takes in a node as it is now.
    ///
    /// - Complexity: O(a log a) for its a attempts.
    ///
    /// - Parameter closing: when the node must be empty, by a maintenance reservation.
    mutating func put(_ node: Node, running: [RunningAttempt], closing: Timestamp?, at now: Timestamp) {
        put(node, running: running, make: makeNumber(node, closing: closing), at: now)
    }

    private mutating func put(_ node: Node, running: [RunningAttempt], make: Int, at now: Timestamp) {
        let summary = makes[make].summary(of: node.free, capacity: node.capacity, make: make)
        let releases = Releases(node, now, running: running, make: makes[make], summary: summary)
        if let slot = slots[node.name] {
            digest &-= nodes[slot].digest
            nodes[slot].node = node
            nodes[slot].make = make
            nodes[slot].running = running
            nodes[slot].releases = releases
            move(slot, to: summary)
        } else {
            slots[node.name] = nodes.count
            nodes.append(
                PlannedNode(
                    node: node, make: make, group: nil, summary: summary, running: running, releases: releases,
                    version: 0, digest: 0))
            move(nodes.count - 1, to: summary)
        }
    }

    /// Gives resources away for a plan in the making.
    mutating func start(_ attempt: RunningAttempt, on slot: Int, at now: Timestamp) {
        var node = nodes[slot].node
        node.take(attempt.allocation)
        put(node, running: nodes[slot].running + [attempt], make: nodes[slot].make, at: now)
    }

    /// Works out anew what will be free on nodes where an expected end has passed.
    mutating func refresh(_ slot: Int, at now: Timestamp) {
        put(nodes[slot].node, running: nodes[slot].running, closing: make(of: slot).closing, at: now)
    }

    /// Makes nodes that a rule asks for by name their own makes. A make that had one of them for its example begins
    /// anew with another.
    ///
    /// - Returns: the slots that have changed.
    mutating func distinguish(_ names: Set<NodeName>, at now: Timestamp) -> [Int] {
        let new = names.subtracting(namedNodes)
        guard !new.isEmpty else { return [] }
        namedNodes.formUnion(new)
        let stale = Set(makes.indices.filter { new.contains(makes[$0].example.name) })
        makeNumbers = makeNumbers.filter { !stale.contains($0.value) }
        let changed = nodes.indices.filter { new.contains(nodes[$0].node.name) || stale.contains(nodes[$0].make) }
        for slot in changed { refresh(slot, at: now) }
        return changed
    }

    mutating func takeNewGroups() -> [GroupReference] {
        defer { newGroups = [] }
        return newGroups
    }

    /// Forgets the older half of the changes once they are more than twice the nodes.
    mutating func trimChanges() {
        guard changes.count > 2 * nodes.count + 1024 else { return }
        let dropped = changes.count / 2
        changes.removeFirst(dropped)
        changesBefore += dropped
    }

    private mutating func makeNumber(_ node: Node, closing: Timestamp?) -> Int {
        let registration = node.registration
        let key = NodeMake.Key(
            inventory: registration.inventoryDigest.isEmpty ? node.name.text : registration.inventoryDigest,
            labels: registration.labels, pools: (registration.pools ?? []).map(\.name),
            reservedCPUs: registration.reservedCPUs, reservedMemoryBytes: registration.reservedMemoryBytes,
            closing: closing, name: namedNodes.contains(node.name) ? node.name : nil)
        if let known = makeNumbers[key] { return known }
        makeNumbers[key] = makes.count
        makes.append(NodeMake(node, closing: closing))
        return makes.count - 1
    }

    private mutating func move(_ slot: Int, to summary: NodeSummary) {
        nodes[slot].version = nextVersion
        nextVersion += 1
        changes.append(slot)
        nodes[slot].summary = summary
        nodes[slot].digest = Self.digest(nodes[slot].node)
        digest &+= nodes[slot].digest
        let takesWork = nodes[slot].node.takesWork
        if let old = nodes[slot].group {
            if takesWork, groups[old].summary == summary { return }
            leave(old, slot)
        }
        nodes[slot].group = takesWork ? join(summary, slot) : nil
    }

    private mutating func leave(_ place: Int, _ slot: Int) {
        let position = position(of: slot, in: place)
        groups[place].members.remove(at: position)
        workingCount -= 1
        workingByMake[groups[place].summary.make] -= 1
        if groups[place].members.isEmpty {
            groupPlaces[groups[place].summary] = nil
            unusedGroups.append(place)
        }
    }

    private mutating func join(_ summary: NodeSummary, _ slot: Int) -> Int {
        workingCount += 1
        let missing = summary.make + 1 - workingByMake.count
        if missing > 0 { workingByMake.append(contentsOf: repeatElement(0, count: missing)) }
        workingByMake[summary.make] += 1
        if let place = groupPlaces[summary] {
            groups[place].members.insert(slot, at: position(of: slot, in: place))
            return place
        }
        let group = NodeGroup(summary: summary, members: [slot], serial: nextSerial)
        nextSerial += 1
        let place: Int
        if let unused = unusedGroups.popLast() {
            place = unused
            groups[place] = group
        } else {
            place = groups.count
            groups.append(group)
        }
        groupPlaces[summary] = place
        newGroups.append(GroupReference(place: place, serial: group.serial))
        return place
    }

    private func position(of slot: Int, in place: Int) -> Int {
        let members = groups[place].members
        let name = nodes[slot].node.name
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if name < nodes[members[middle]].node.name { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func digest(_ node: Node) -> UInt64 {
        var hasher = StableHasher()
        hasher.combine(node.name.text)
        hasher.combine(node.takesWork ? 1 : 0)
        hasher.combine(node.registration.inventoryDigest)
        hasher.combine(node.registration.reservedCPUs)
        hasher.combine(node.registration.reservedMemoryBytes)
        for (name, value) in node.registration.labels.sorted(by: { $0.key < $1.key }) {
            hasher.combine(name)
            hasher.combine(value)
        }
        for pool in node.registration.pools ?? [] { hasher.combine(pool.name) }
        hasher.combine(node.free)
        return hasher.value
    }
}

extension StableHasher {
    fileprivate mutating func combine(_ free: FreeResources) {
        for number in free.cpus.numbers { combine(number) }
        for (numaNode, bytes) in free.memory.sorted(by: { $0.key < $1.key }) {
            combine(numaNode)
            combine(bytes)
        }
        for (device, thousandths) in free.devices.sorted(by: { $0.key < $1.key }) {
            combine(device)
            combine(thousandths)
        }
    }
}
