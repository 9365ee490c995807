/// Places tasks one by one, each where it ends first, in gaps too.
///
/// Source: Topcuoglu, Hariri and Wu, "Performance-effective and low-complexity task scheduling for heterogeneous
/// computing" (HEFT), IEEE TPDS 13(3), 2002: order by upward rank, insertion-based.
/// Complexity: O(n²) for n tasks.
struct InsertionScheduling {
    let graph: TaskGraph
    /// Cores of each machine; every task fits one.
    let machines: [Int]

    /// - Parameter order: each task after those it waits for.
    func schedule(order: [Int]) -> TaskSchedule {
        var usage = machines.map { MachineUsage(cores: $0) }
        var placements = Array(
            repeating: TaskSchedule.Placement(machine: 0, start: 0, end: 0), count: graph.tasks.count)
        for index in order {
            let task = graph.tasks[index]
            let ready = task.predecessors.map { placements[$0].end }.max() ?? 0
            var best: (machine: Int, start: Double)?
            for machine in usage.indices where machines[machine] >= task.cores {
                let start = usage[machine].earliestStart(cores: task.cores, seconds: task.seconds, from: ready)
                if start < best?.start ?? .infinity { best = (machine, start) }
            }
            guard let best else { preconditionFailure("every task fits a machine") }
            let end = best.start + task.seconds
            usage[best.machine].hold(task.cores, from: best.start, to: end)
            placements[index] = .init(machine: best.machine, start: best.start, end: end)
        }
        return TaskSchedule(placements: placements)
    }

    /// How many cores of a machine are held, as steps in time.
    private struct MachineUsage {
        let cores: Int
        /// From `times[i]` to the next, `held[i]` cores are held; the last step lasts for ever.
        private var times = [0.0]
        private var held = [0]

        init(cores: Int) {
            self.cores = cores
        }

        func earliestStart(cores wanted: Int, seconds: Double, from ready: Double) -> Double {
            var start = ready
            var index = (times.lastIndex { $0 <= ready }) ?? 0
            while index < times.count {
                if held[index] + wanted > cores {
                    // The last step holds nothing, so there is a next one.
                    start = times[index + 1]
                } else if index + 1 == times.count || times[index + 1] >= start + seconds {
                    return start
                }
                index += 1
            }
            return start
        }

        mutating func hold(_ wanted: Int, from start: Double, to end: Double) {
            guard start < end else { return }
            let first = split(at: start)
            let last = split(at: end)
            for index in first..<last { held[index] += wanted }
        }

        private mutating func split(at time: Double) -> Int {
            let index = (times.lastIndex { $0 <= time }) ?? 0
            if times[index] == time { return index }
            times.insert(time, at: index + 1)
            held.insert(held[index], at: index + 1)
            return index + 1
        }
    }
}
