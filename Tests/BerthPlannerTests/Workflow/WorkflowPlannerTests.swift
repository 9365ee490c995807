import BerthModel
import BerthPlanner
import Testing

struct WorkflowPlannerTests {
    @Test func `a cycle, a missing predecessor and a negative time are refused`() {
        #expect(throws: TaskGraph.Refusal.cycle(task: 0)) {
            try TaskGraph([.init(seconds: 1, predecessors: [1]), .init(seconds: 1, predecessors: [0])])
        }
        #expect(throws: TaskGraph.Refusal.missingPredecessor(task: 0)) {
            try TaskGraph([.init(seconds: 1, predecessors: [7])])
        }
        #expect(throws: TaskGraph.Refusal.negativeTime(task: 0)) { try TaskGraph([.init(seconds: -1)]) }
        #expect(throws: TaskGraph.Refusal.negativeTime(task: 0)) { try TaskGraph([.init(seconds: .nan)]) }
    }

    @Test func `the bound is the longest path or the work spread evenly`() throws {
        let graph = try TaskGraph([
            .init(seconds: 4), .init(seconds: 2, predecessors: [0]), .init(seconds: 3, cores: 2),
        ])
        #expect(graph.upwardRanks == [6, 2, 3])
        #expect(graph.lowerBoundSeconds(cores: 4) == 6)
        #expect(graph.lowerBoundSeconds(cores: 1) == 12)
    }

    @Test func `the long chain starts first, which first come, first served does not see`() throws {
        // Two cores: three short tasks stand before the head of the chain.
        let graph = try TaskGraph([
            .init(seconds: 2), .init(seconds: 2), .init(seconds: 2), .init(seconds: 3),
            .init(seconds: 3, predecessors: [3]),
        ])
        let planner = try #require(WorkflowPlanner(graph, machines: [2]))
        #expect(planner.fifo().makespanSeconds == 8)
        #expect(planner.heft().makespanSeconds == 6)
        #expect(planner.best().makespanSeconds == 6)
    }

    @Test func `a task that no machine holds has no plan`() throws {
        let graph = try TaskGraph([.init(seconds: 1, cores: 5)])
        #expect(WorkflowPlanner(graph, machines: [4, 4]) == nil)
        #expect(WorkflowPlanner(graph, machines: []) == nil)
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `every plan respects arrows and cores, and Berth's is the shortest`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let nodes = (0..<40).map { index in
            let predecessors = (0..<index).filter { _ in Int.random(in: 0..<20, using: &random) == 0 }
            return TaskGraph.Node(
                seconds: Double(Int.random(in: 0...20, using: &random)), cores: Int.random(in: 1...3, using: &random),
                predecessors: predecessors)
        }
        let graph = try TaskGraph(nodes)
        let machines = [3, 2, 4]
        let planner = try #require(WorkflowPlanner(graph, machines: machines))
        let plans = [planner.best(), planner.heft(), planner.fifo()]
        for plan in plans {
            for (task, placement) in plan.placements.enumerated() {
                #expect(placement.end == placement.start + nodes[task].seconds)
                #expect(nodes[task].predecessors.allSatisfy { plan.placements[$0].end <= placement.start })
                let held = plan.placements.indices.filter {
                    let other = plan.placements[$0]
                    return other.machine == placement.machine && other.start <= placement.start
                        && placement.start < other.end
                }
                #expect(held.reduce(0) { $0 + nodes[$1].cores } <= machines[placement.machine])
            }
            #expect(plan.makespanSeconds >= graph.lowerBoundSeconds(cores: 9))
        }
        #expect(plans[0].makespanSeconds <= plans[1].makespanSeconds)
        #expect(planner.best() == plans[0])
    }
}
