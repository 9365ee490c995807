/// The tasks of a workflow and what must end before what.
public struct TaskGraph: Sendable {
    public let tasks: [Node]
    /// Per task, the tasks that wait for it, in ascending order.
    public let successors: [[Int]]
    /// An order in which each task comes after all it waits for.
    let order: [Int]

    public struct Node: Hashable, Sendable {
        /// How long it runs, known or estimated.
        public var seconds: Double
        /// Cores of one machine that it holds meanwhile.
        public var cores: Int
        /// Indices of the tasks that must have ended before.
        public var predecessors: [Int]

        public init(seconds: Double, cores: Int = 1, predecessors: [Int] = []) {
            self.seconds = seconds
            self.cores = cores
            self.predecessors = predecessors
        }
    }

    /// Why tasks are no graph that can run.
    public enum Refusal: Error, Hashable, Sendable {
        case negativeTime(task: Int)
        case noCores(task: Int)
        case missingPredecessor(task: Int)
        /// The task waits, through others, for itself.
        case cycle(task: Int)
    }

    public init(_ tasks: [Node]) throws(Refusal) {
        var successors = Array(repeating: [Int](), count: tasks.count)
        for (index, task) in tasks.enumerated() {
            guard task.seconds >= 0, task.seconds < .infinity else { throw .negativeTime(task: index) }
            guard task.cores > 0 else { throw .noCores(task: index) }
            for predecessor in Set(task.predecessors).sorted() {
                guard tasks.indices.contains(predecessor) else { throw .missingPredecessor(task: index) }
                successors[predecessor].append(index)
            }
        }
        var waitsFor = tasks.map { Set($0.predecessors).count }
        var order = tasks.indices.filter { waitsFor[$0] == 0 }
        var next = 0
        while next < order.count {
            for successor in successors[order[next]] {
                waitsFor[successor] -= 1
                if waitsFor[successor] == 0 { order.append(successor) }
            }
            next += 1
        }
        if let stuck = waitsFor.firstIndex(where: { $0 > 0 }) { throw .cycle(task: stuck) }
        self.tasks = tasks
        self.successors = successors
        self.order = order
    }

    /// Per task, the longest time from its start to the end of all that waits for it.
    public var upwardRanks: [Double] {
        var ranks = Array(repeating: 0.0, count: tasks.count)
        for task in order.reversed() {
            ranks[task] = tasks[task].seconds + (successors[task].map { ranks[$0] }.max() ?? 0)
        }
        return ranks
    }

    /// No schedule on `cores` cores is shorter: neither than the longest path nor than all work spread evenly.
    public func lowerBoundSeconds(cores: Int) -> Double {
        let work = tasks.reduce(0) { $0 + $1.seconds * Double($1.cores) }
        return max(upwardRanks.max() ?? 0, work / Double(cores))
    }

    /// The same tasks with every arrow turned round: a schedule of it, read backwards, is a schedule of this graph.
    var reversed: TaskGraph {
        TaskGraph(
            tasks: tasks.indices.map {
                Node(seconds: tasks[$0].seconds, cores: tasks[$0].cores, predecessors: successors[$0])
            },
            successors: tasks.map { Set($0.predecessors).sorted() }, order: order.reversed())
    }

    private init(tasks: [Node], successors: [[Int]], order: [Int]) {
        self.tasks = tasks
        self.successors = successors
        self.order = order
    }
}
