/// Runs through time and starts, whenever cores are free, the ready tasks in order of priority, each on the machine with
/// the most free cores. A task that fits nowhere lets later ones pass.
///
/// Source: Graham's list scheduling (1969), with priorities as the parameter.
/// Complexity: O(e + n·(log n + r)) for n tasks, e arrows and r ready tasks that are passed over.
struct ListScheduling {
    let graph: TaskGraph
    /// Cores of each machine; every task fits one.
    let machines: [Int]

    /// - Parameter priorities: per task; the highest goes first, ties to the lower index. Nil is first come, first
    ///   served.
    func schedule(priorities: [Double]?) -> TaskSchedule {
        var waitsFor = graph.tasks.map { Set($0.predecessors).count }
        var free = machines
        var placements = Array(
            repeating: TaskSchedule.Placement(machine: 0, start: 0, end: 0), count: graph.tasks.count)
        var running: [Int] = []  // Latest end first, so that the next to end is last.
        var ready = ReadyList(priorities: priorities)
        for task in waitsFor.indices where waitsFor[task] == 0 { ready.insert(task) }
        var now = 0.0
        while true {
            for task in ready.tasks {
                guard let machine = roomiest(for: graph.tasks[task].cores, free) else { continue }
                free[machine] -= graph.tasks[task].cores
                let placement = TaskSchedule.Placement(
                    machine: machine, start: now, end: now + graph.tasks[task].seconds)
                placements[task] = placement
                running.insert(task, at: running.partitioningIndex { placements[$0].end <= placement.end })
                ready.remove(task)
                if !free.contains(where: { $0 > 0 }) { break }
            }
            guard let next = running.last else { break }
            now = placements[next].end
            while let ended = running.last, placements[ended].end <= now {
                running.removeLast()
                free[placements[ended].machine] += graph.tasks[ended].cores
                for successor in graph.successors[ended] {
                    waitsFor[successor] -= 1
                    if waitsFor[successor] == 0 { ready.insert(successor) }
                }
            }
        }
        return TaskSchedule(placements: placements)
    }

    private func roomiest(for cores: Int, _ free: [Int]) -> Int? {
        var best: Int?
        for machine in free.indices where free[machine] >= cores && free[machine] > best.map({ free[$0] }) ?? -1 {
            best = machine
        }
        return best
    }

    /// Tasks that could start, in the order in which they are tried.
    private struct ReadyList {
        let priorities: [Double]?
        private(set) var tasks: [Int] = []

        init(priorities: [Double]?) {
            self.priorities = priorities
        }

        mutating func insert(_ task: Int) {
            guard let priorities else {
                tasks.append(task)
                return
            }
            tasks.insert(
                task, at: tasks.partitioningIndex { (-priorities[$0], $0) > (-priorities[task], task) })
        }

        mutating func remove(_ task: Int) {
            if let index = tasks.firstIndex(of: task) { tasks.remove(at: index) }
        }
    }
}

extension Array {
    /// The first index whose element and all after it satisfy `predicate`, found by halving.
    fileprivate func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
