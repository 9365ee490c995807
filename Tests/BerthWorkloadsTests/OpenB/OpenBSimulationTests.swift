import BerthPlanner
import BerthWorkloads
import Testing

struct OpenBSimulationTests {
    /// A run over nodes and tasks written as `cpu,memory,gpus,model` and `cpu,memory,gpus,millis`.
    private static func run(
        _ policy: OpenBPolicy, nodes: [String], pods: [String], seed: UInt64 = 1
    ) throws -> OpenBSimulation {
        let trace = try OpenBTrace(
            nodes: (["cpu_milli,memory_mib,gpu,model"] + nodes).joined(separator: "\n"),
            pods: (["cpu_milli,memory_mib,num_gpu,gpu_milli"] + pods).joined(separator: "\n"))
        var simulation = OpenBSimulation(of: trace, policy: policy, seed: seed)
        simulation.run()
        return simulation
    }

    /// The CPU of the nodes that the first arrivals went to: what tells the nodes of a scene apart.
    private static func places(_ simulation: OpenBSimulation, _ count: Int) -> [Int?] {
        simulation.outcomes.prefix(count).map { $0.place.map { simulation.nodes[$0.node].cpuMillis } }
    }

    @Test(arguments: [OpenBPolicy.bestfit, .dotprod], 1...5 as ClosedRange<UInt64>)
    func `best fit and dot product fill the smaller node first`(policy: OpenBPolicy, seed: UInt64) throws {
        let run = try Self.run(
            policy, nodes: ["96000,500000,8,G", "32000,500000,2,G"], pods: ["8000,1,1,1000"], seed: seed)
        #expect(Self.places(run, 3) == [32_000, 32_000, 96_000])
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `GPU packing opens the node with fewer free GPUs, and uses a used node before a free one`(seed: UInt64) throws
    {
        let run = try Self.run(
            .gpupacking, nodes: ["96000,500000,4,G", "64000,500000,4,G", "32000,500000,2,G"],
            pods: ["8000,1,1,1000"], seed: seed)
        let places = Self.places(run, 10)
        #expect(places.prefix(2) == [32_000, 32_000])
        #expect(Set(places[2..<6]).count == 1)
        #expect(Set(places[6..<10]).count == 1)
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `GPU clustering keeps shares and whole GPUs apart while it can`(seed: UInt64) throws {
        let run = try Self.run(
            .gpuclustering, nodes: ["64000,500000,4,G", "96000,500000,4,G"],
            pods: ["1,1,1,1000", "1,1,1,500"], seed: seed)
        let first = run.outcomes.prefix(4)
        let shares = Set(first.filter(\.shape.isShare).compactMap(\.place?.node))
        let wholes = Set(first.filter { !$0.shape.isShare }.compactMap(\.place?.node))
        #expect(shares.isDisjoint(with: wholes))
    }

    /// Small machines with little CPU, so that what fits where depends on what came before.
    @Test func `where running tasks may be moved, less is left unallocated, and no node gives more than it has`() throws
    {
        var unallocated = (moving: 0.0, staying: 0.0)
        var moves = 0.0
        for seed in 1...40 as ClosedRange<UInt64> {
            let nodes = ["9000,90000,2,G", "20000,90000,4,G", "16000,90000,2,G", "30000,90000,4,G"]
            let pods = [
                "6000,1,1,700", "1000,1,1,300", "2000,1,1,500", "5000,1,2,1000", "9000,1,1,1000", "1000,1,1,200",
                "3000,1,0,0",
            ]
            for policy in [OpenBPolicy.berthMigrating, .berth] {
                let metrics = try Self.run(policy, nodes: nodes, pods: pods, seed: seed).metrics
                func value(_ name: String, _ key: String? = nil) -> Double {
                    metrics.first { $0.name == name && $0.key == key }?.value ?? .nan
                }
                let left = value("unallocatedPercent", "130")
                #expect((0...100).contains(left))
                if policy == .berth { unallocated.staying += left } else { unallocated.moving += left }
                if policy == .berthMigrating { moves += value("moves") }
            }
        }
        #expect(unallocated.moving < unallocated.staying)
        #expect(moves > 0)
    }

    @Test(arguments: [OpenBPolicy.fgd, .berth], 1...5 as ClosedRange<UInt64>)
    func `shares complete a GPU before they open another`(policy: OpenBPolicy, seed: UInt64) throws {
        let run = try Self.run(
            policy, nodes: ["64000,500000,2,G", "96000,500000,2,G"], pods: ["1000,1,1,500"], seed: seed)
        var free = run.nodes
        for outcome in run.outcomes {
            guard let place = outcome.place else { continue }
            free[place.node] = free[place.node].placing(outcome.shape, on: place.gpu)
            let opened = free.reduce(0) { sum, node in
                sum + (0..<node.gpuCount).count { node.gpuMillis[$0] == 500 }
            }
            #expect(opened <= 1)
        }
    }

    @Test func `random uses every node, and another seed another order`() throws {
        let nodes = ["64000,500000,4,G", "96000,500000,4,G"]
        let runs = try (1...8 as ClosedRange<UInt64>).map {
            Self.places(try Self.run(.random, nodes: nodes, pods: ["1,1,1,1000"], seed: $0), 8)
        }
        #expect(Set(runs).count > 1)
        #expect(runs.allSatisfy { Set($0) == [64_000, 96_000] })
    }

    @Test func `what fits nowhere is dropped and still counts as arrived`() throws {
        let run = try Self.run(.berth, nodes: ["4000,500000,4,G"], pods: ["2000,1,1,1000"])
        #expect(run.outcomes.count == 5)
        #expect(run.outcomes.map { $0.place == nil } == [false, false, true, true, true])
        #expect(run.metrics.first { $0.name == "unallocatedPercent" && $0.key == "100" }?.value == 50)
    }

    @Test(arguments: OpenBPolicy.allCases)
    func `no node is over-allocated, nothing that fits is dropped, and a seed gives one run`(
        policy: OpenBPolicy
    ) throws {
        let nodes = (0..<12).map { "\(16_000 + 8000 * ($0 % 5)),\(65_536 * (1 + $0 % 3)),\(1 << ($0 % 4)),G" }
        let pods = (0..<30).map { index in
            let gpus = [0, 1, 1, 1, 2, 4][index % 6]
            let millis = gpus == 0 ? 0 : gpus == 1 ? 100 + 100 * (index % 10) : 1000
            return "\(1000 * (1 + index % 9)),\(2048 * (1 + index % 5)),\(gpus),\(millis)"
        }
        let run = try Self.run(policy, nodes: nodes, pods: pods, seed: 7)
        var free = run.nodes
        for outcome in run.outcomes {
            guard let place = outcome.place else {
                #expect(!free.contains { $0.fits(outcome.shape) })
                continue
            }
            let node = free[place.node]
            try #require(node.fits(outcome.shape))
            if outcome.shape.isShare { try #require(Int(node.gpuMillis[place.gpu]) >= outcome.shape.gpuMillis) }
            free[place.node] = node.placing(outcome.shape, on: place.gpu)
        }
        #expect(run.outcomes.contains { $0.place == nil })
        let again = try Self.run(policy, nodes: nodes, pods: pods, seed: 7)
        #expect(again.outcomes == run.outcomes)
        #expect(again.metrics == run.metrics)
    }

    @Test func `a trace above the demand of the protocol is thinned`() throws {
        let run = try Self.run(.fgd, nodes: ["64000,500000,4,G"], pods: Array(repeating: "1,1,1,1000", count: 50))
        #expect(run.outcomes.count == 5)
    }
}
