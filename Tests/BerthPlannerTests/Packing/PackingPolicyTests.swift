import BerthPlanner
import Testing

struct PackingPolicyTests {
    private static let half = share(500)
    private static let whole = PackingShape(cpuMillis: 10_000, memoryMebibytes: 32_768, gpuCount: 1, gpuMillis: 1000)

    private static func share(_ millis: Int, cpuMillis: Int = 2000) -> PackingShape {
        PackingShape(cpuMillis: cpuMillis, memoryMebibytes: 4096, gpuCount: 1, gpuMillis: millis)
    }

    private static func node(cores: Int = 24, gibibytes: Int = 128, gpus: Int = 2, model: Int = 0) -> PackingNode {
        PackingNode(cpuMillis: cores * 1000, memoryMebibytes: gibibytes * 1024, gpuCount: gpus, model: model)
    }

    private static func policy(_ shapes: [(PackingShape, Double)], _ nodes: [PackingNode]) -> PackingPolicy {
        PackingPolicy(mix: WorkloadMix(counts: shapes.map { ($0.0, $0.1) }), nodes: nodes)
    }

    private static func cost(
        of shape: PackingShape, on node: PackingNode, by policy: inout PackingPolicy
    ) throws -> Double {
        let choice = policy.cost(of: shape, on: node)
        return try #require(choice).cost
    }

    @Test func `a share completes a GPU rather than open another`() throws {
        let node = Self.node().placing(Self.half, on: 1)
        var policy = Self.policy([(Self.half, 1), (Self.whole, 1)], [Self.node()])
        let choice = policy.cost(of: Self.half, on: node)
        #expect(choice?.gpu == 1)
        let opened = try Self.cost(of: Self.half, on: Self.node(), by: &policy)
        let completed = try Self.cost(of: Self.half, on: node, by: &policy)
        #expect(completed < opened)
    }

    @Test func `a share that leaves what no task can use pays for it`() throws {
        let large = Self.share(800)
        var policy = Self.policy([(large, 1), (Self.whole, 1)], [Self.node()])
        let alone = try Self.cost(of: large, on: Self.node(gpus: 1), by: &policy)
        #expect((150...200).contains(alone))
        var filled = Self.policy([(large, 1), (Self.share(200), 1), (Self.whole, 1)], [Self.node()])
        let together = try Self.cost(of: large, on: Self.node(gpus: 1), by: &filled)
        #expect(together < 30)
    }

    @Test func `work without GPUs goes where CPU is left over`() throws {
        let plain = PackingShape(cpuMillis: 12_000, memoryMebibytes: 4096)
        var policy = Self.policy([(Self.whole, 1), (plain, 1)], [Self.node(), Self.node(cores: 96)])
        let scarce = try Self.cost(of: plain, on: Self.node(), by: &policy)
        let plenty = try Self.cost(of: plain, on: Self.node(cores: 96), by: &policy)
        #expect(plenty == 0)
        #expect(scarce > 500)
        let none = try Self.cost(of: plain, on: Self.node(gpus: 0), by: &policy)
        #expect(none == 0)
    }

    @Test func `a GPU without memory for its tasks is worth nothing, and costs nothing to shut out`() throws {
        let plain = PackingShape(cpuMillis: 12_000, memoryMebibytes: 4096)
        var policy = Self.policy([(Self.whole, 1), (plain, 1)], [Self.node()])
        let starved = try Self.cost(of: plain, on: Self.node(gibibytes: 16), by: &policy)
        #expect(starved == 0)
    }

    @Test func `tasks of one GPU stay off a node that can still take a task of all its GPUs`() throws {
        let all = PackingShape(cpuMillis: 20_000, memoryMebibytes: 65_536, gpuCount: 2, gpuMillis: 1000)
        var policy = Self.policy([(Self.whole, 1), (all, 1)], [Self.node()])
        let broken = try Self.cost(of: Self.whole, on: Self.node(cores: 48), by: &policy)
        let single = try Self.cost(of: Self.whole, on: Self.node(cores: 24, gpus: 1), by: &policy)
        #expect(single < broken)
    }

    @Test func `a model that some tasks need alone is dear as long as it is short`() {
        var bound = Self.whole
        bound.models = AcceleratorModels(model: 1)
        let nodes = [Self.node(), Self.node(), Self.node(), Self.node(model: 1)]
        let policy = Self.policy([(Self.whole, 1), (bound, 1)], nodes)
        #expect(policy.surcharge(for: Self.whole, on: 0) == 0)
        #expect((900...1000).contains(policy.surcharge(for: Self.whole, on: 1)))
    }

    @Test func `a model's price falls as the tasks that need it alone have room enough`() {
        var bound = Self.whole
        bound.models = AcceleratorModels(model: 1)
        let nodes = [Self.node(), Self.node(), Self.node(), Self.node(model: 1)]
        var policy = Self.policy([(Self.whole, 1), (bound, 1)], nodes)
        let full = Self.node().placing(Self.whole).placing(Self.whole)
        // Two of the three other nodes fill up: half of the demand for half of what is left is no longer too much.
        policy.changed(nodes[0], to: full)
        policy.changed(nodes[1], to: full)
        for _ in 0..<18 { policy.changed(full, to: full) }
        #expect(policy.surcharge(for: Self.whole, on: 1) < 1)
    }

    @Test func `a task that does not fit has no cost, and an empty mix does no harm`() {
        var policy = Self.policy([], [Self.node()])
        let tooLarge = policy.cost(of: Self.share(500, cpuMillis: 99_000), on: Self.node())
        #expect(tooLarge == nil)
        let choice = policy.cost(of: Self.half, on: Self.node())
        #expect(choice?.gpu == 0)
        #expect(policy.surcharge(for: Self.half, on: 0) == 0)
    }
}
