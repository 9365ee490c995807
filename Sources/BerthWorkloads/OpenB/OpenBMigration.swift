import BerthPlanner

/// Places tasks as Berth's packing does, and moves running ones where an arrival fits nowhere.
///
/// Room is made on the node where that moves least: the tasks in the way are taken off it and placed where the packing
/// puts them. One of them that fits nowhere makes room for itself in the same way; as what is moved for a task is always
/// smaller than that task, this ends. Where not all of them find a place, nothing is moved.
struct OpenBMigration {
    typealias Place = OpenBSimulation.Place

    /// Tasks moved so far.
    private(set) var moves = 0
    private let trace: OpenBTrace
    private var scorer: BerthPacking
    private var cluster: OpenBCluster
    private var residents: [[Resident]]
    private let empty: [PackingNode]
    /// By shape, the number of moves when no room could be made for it: as nothing ever leaves, only moves change that.
    private var movesAtFailure: [Int: Int] = [:]
    /// What was changed since the last arrival, oldest first: to tell of it, or to undo it.
    private var changes: [Change] = []

    /// A task that runs.
    private struct Resident {
        /// An index into the trace's shapes.
        var shape: Int
        var gpus: [Int]
    }

    private struct Change {
        var node: Int
        var free: PackingNode
        var residents: [Resident]
        var moves: Int
    }

    /// Tasks on a node that are in the way of one.
    private struct Obstacle {
        var node: Int
        /// Places in the node's list, ascending.
        var tasks: [Int]
        /// Thousandths of GPUs that they hold.
        var gpuMillis: Int
    }

    /// How many nodes are tried for one task, those where least is moved first; and how far one move may lead to others.
    private static let nodesTried = 6
    private static let depthLimit = 2

    /// - Parameter cluster: its nodes, empty.
    init(_ trace: OpenBTrace, _ cluster: OpenBCluster) {
        self.trace = trace
        self.cluster = cluster
        scorer = BerthPacking(trace)
        empty = trace.nodes.indices.map { cluster.state(of: $0).free }
        residents = Array(repeating: [], count: empty.count)
    }

    /// - Returns: where the task runs now, nil where no room could be made; and every change of a node, one after the
    ///   other.
    mutating func arrive(_ task: Int) -> (place: Place?, changes: [(before: PackingNode, after: PackingNode)]) {
        changes = []
        guard let place = settle(task, depth: 0) else { return (nil, []) }
        let moments = changes.enumerated().map { index, change in
            let next = changes[(index + 1)...].first { $0.node == change.node }
            return (change.free, next?.free ?? cluster.state(of: change.node).free)
        }
        return (place, moments)
    }

    private mutating func settle(_ task: Int, depth: Int) -> Place? {
        if let place = cluster.best(for: trace.shapes[task], index: task, by: &scorer) {
            put(task, at: place)
            return place
        }
        guard depth < Self.depthLimit, trace.shapes[task].gpuCount > 0, movesAtFailure[task] != moves else {
            return nil
        }
        for obstacle in obstacles(for: trace.shapes[task]) {
            let start = changes.count
            if let place = clear(obstacle, for: task, depth: depth) { return place }
            undo(to: start)
        }
        if depth == 0 { movesAtFailure[task] = moves }
        return nil
    }

    /// Takes the obstacle away, puts the task there, and finds a place for all that was taken away.
    private mutating func clear(_ obstacle: Obstacle, for task: Int, depth: Int) -> Place? {
        let node = obstacle.node
        let moved = obstacle.tasks.map { residents[node][$0] }
        note(node)
        var free = cluster.state(of: node).free
        for resident in moved { free = free.removing(trace.shapes[resident.shape], from: resident.gpus) }
        for place in obstacle.tasks.reversed() { residents[node].remove(at: place) }
        set(free, at: node)
        moves += moved.count
        let shape = trace.shapes[task]
        guard free.fits(shape) else { return nil }
        let place = Place(node: node, gpu: shape.isShare ? free.tightestGPU(forShare: shape) : 0)
        put(task, at: place)
        let largestFirst = moved.sorted { size($0) > size($1) }
        for resident in largestFirst where settle(resident.shape, depth: depth + 1) == nil { return nil }
        return place
    }

    // MARK: - What is in the way

    /// On each node that could hold the shape if it were empty, the tasks that have to go for it; where least has to go
    /// first.
    private func obstacles(for shape: PackingShape) -> [Obstacle] {
        empty.indices.compactMap { node in
            empty[node].fits(shape) ? obstacle(to: shape, on: node) : nil
        }.sorted {
            ($0.gpuMillis, $0.tasks.count, $0.node) < ($1.gpuMillis, $1.tasks.count, $1.node)
        }.prefix(Self.nodesTried).map { $0 }
    }

    private func obstacle(to shape: PackingShape, on node: Int) -> Obstacle? {
        let free = cluster.state(of: node).free
        guard free.gpuMillis != .zero else { return nil }
        let onGPUs =
            shape.isShare ? sharesInTheWay(of: shape, on: node, free) : wholeInTheWay(of: shape, on: node, free)
        guard let onGPUs else { return nil }
        var tasks = Set(onGPUs)
        var cpu = free.cpuMillis + tasks.reduce(0) { $0 + self.shape(node, $1).cpuMillis }
        var memory = free.memoryMebibytes + tasks.reduce(0) { $0 + self.shape(node, $1).memoryMebibytes }
        // Then what takes the CPU or the memory, those first that hold least of GPUs.
        let others = residents[node].indices.filter { !tasks.contains($0) }.sorted {
            (size(residents[node][$0]), -self.shape(node, $0).cpuMillis, $0)
                < (size(residents[node][$1]), -self.shape(node, $1).cpuMillis, $1)
        }
        for place in others where cpu < shape.cpuMillis || memory < shape.memoryMebibytes {
            tasks.insert(place)
            cpu += self.shape(node, place).cpuMillis
            memory += self.shape(node, place).memoryMebibytes
        }
        guard cpu >= shape.cpuMillis, memory >= shape.memoryMebibytes else { return nil }
        let millis = tasks.reduce(0) { $0 + size(residents[node][$1]) }
        return millis < shape.totalGPUMillis ? Obstacle(node: node, tasks: tasks.sorted(), gpuMillis: millis) : nil
    }

    /// On the GPU where least is too much, the smallest share that is enough alone, or else the largest ones.
    private func sharesInTheWay(of shape: PackingShape, on node: Int, _ free: PackingNode) -> [Int]? {
        var best: (tasks: [Int], millis: Int)?
        for gpu in 0..<free.gpuCount {
            var missing = shape.gpuMillis - Int(free.gpuMillis[gpu])
            if missing <= 0 { return [] }
            if missing == shape.gpuMillis { continue }
            let there = residents[node].indices.filter {
                residents[node][$0].gpus == [gpu] && self.shape(node, $0).isShare
            }.sorted { size(residents[node][$0]) < size(residents[node][$1]) }
            var tasks: [Int] = []
            if let one = there.first(where: { size(residents[node][$0]) >= missing }) {
                tasks = [one]
            } else {
                for place in there.reversed() where missing > 0 {
                    tasks.append(place)
                    missing -= size(residents[node][place])
                }
                if missing > 0 { continue }
            }
            let millis = tasks.reduce(0) { $0 + size(residents[node][$1]) }
            if let best, best.millis <= millis { continue }
            best = (tasks, millis)
        }
        return best?.tasks
    }

    /// All that runs on the GPUs where least does.
    private func wholeInTheWay(of shape: PackingShape, on node: Int, _ free: PackingNode) -> [Int]? {
        var holders: [[Int]] = Array(repeating: [], count: free.gpuCount)
        for (place, resident) in residents[node].enumerated() {
            for gpu in resident.gpus { holders[gpu].append(place) }
        }
        let held = holders.map { $0.reduce(0) { $0 + size(residents[node][$1]) } }
        let emptiest = held.indices.sorted { (held[$0], $0) < (held[$1], $1) }
        guard emptiest.count >= shape.gpuCount else { return nil }
        return Set(emptiest.prefix(shape.gpuCount).flatMap { holders[$0] }).sorted()
    }

    private func shape(_ node: Int, _ place: Int) -> PackingShape { trace.shapes[residents[node][place].shape] }
    private func size(_ resident: Resident) -> Int { trace.shapes[resident.shape].totalGPUMillis }

    // MARK: - Changes

    private mutating func put(_ task: Int, at place: Place) {
        note(place.node)
        let free = cluster.state(of: place.node).free
        let shape = trace.shapes[task]
        residents[place.node].append(Resident(shape: task, gpus: free.gpus(for: shape, on: place.gpu)))
        set(free.placing(shape, on: place.gpu), at: place.node)
    }

    private mutating func note(_ node: Int) {
        changes.append(
            Change(node: node, free: cluster.state(of: node).free, residents: residents[node], moves: moves))
    }

    private mutating func set(_ free: PackingNode, at node: Int) {
        let before = cluster.state(of: node).free
        cluster.set(free, at: node)
        scorer.placed(NodeState(free: before), NodeState(free: free))
    }

    private mutating func undo(to count: Int) {
        while changes.count > count, let change = changes.popLast() {
            set(change.free, at: change.node)
            residents[change.node] = change.residents
            moves = change.moves
        }
    }
}
