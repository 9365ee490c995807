/// Plans a whole workflow on machines that are its own.
///
/// Several simple plans are made and the best is kept: it is never longer than HEFT's. Each is then polished by
/// forward-backward improvement: schedule from the end backwards, giving first place to what ended last, then forwards
/// again in the order of those starts. Planning ends early at the lower bound, after which nothing can be gained.
///
/// Source of the improvement: Tormos and Lova, Annals of Operations Research 102, 2001 (justification).
public struct WorkflowPlanner: Sendable {
    private let graph: TaskGraph
    private let machines: [Int]

    /// How often each plan is polished; most stop changing after two or three rounds.
    private static let rounds = 8

    /// - Parameter machines: cores of each. Nil where a task fits none of them.
    public init?(_ graph: TaskGraph, machines: [Int]) {
        let widest = machines.max() ?? 0
        guard graph.tasks.allSatisfy({ $0.cores <= widest }), !machines.isEmpty else { return nil }
        self.graph = graph
        self.machines = machines
    }

    /// First come, first served.
    public func fifo() -> TaskSchedule {
        ListScheduling(graph: graph, machines: machines).schedule(priorities: nil)
    }

    public func heft() -> TaskSchedule {
        let ranks = graph.upwardRanks
        // Sorting is stable over an order that respects arrows, so a task without length stays behind its predecessors.
        let order = graph.order.enumerated().sorted {
            (ranks[$0.element], -$0.offset) > (ranks[$1.element], -$1.offset)
        }
        return InsertionScheduling(graph: graph, machines: machines).schedule(order: order.map(\.element))
    }

    /// Berth's plan.
    public func best() -> TaskSchedule {
        let bound = graph.lowerBoundSeconds(cores: machines.reduce(0, +))
        let list = ListScheduling(graph: graph, machines: machines)
        let ranks = graph.upwardRanks
        var best = heft()
        for priorities in [ranks, secondsSetFree(), graph.tasks.map(\.seconds), nil] {
            if best.makespanSeconds <= bound * (1 + 1e-12) { return best }
            let plan = polished(list.schedule(priorities: priorities))
            if plan.makespanSeconds < best.makespanSeconds { best = plan }
        }
        let plan = polished(best)
        return plan.makespanSeconds < best.makespanSeconds ? plan : best
    }

    private func polished(_ schedule: TaskSchedule) -> TaskSchedule {
        let forwards = ListScheduling(graph: graph, machines: machines)
        let backwards = ListScheduling(graph: graph.reversed, machines: machines)
        var best = schedule
        var current = schedule
        for _ in 0..<Self.rounds {
            let mirrored = backwards.schedule(priorities: current.placements.map(\.end))
            current = forwards.schedule(priorities: mirrored.placements.map(\.end))
            if current.makespanSeconds < best.makespanSeconds { best = current }
        }
        return best
    }

    /// Per task, its own time and a share of what waits for it: each task's sum is split evenly among those it waits
    /// for. How much its end sets free.
    private func secondsSetFree() -> [Double] {
        var sums = Array(repeating: 0.0, count: graph.tasks.count)
        for task in graph.order.reversed() {
            sums[task] = graph.successors[task].reduce(graph.tasks[task].seconds) {
                $0 + sums[$1] / Double(Set(graph.tasks[$1].predecessors).count)
            }
        }
        return sums
    }
}
