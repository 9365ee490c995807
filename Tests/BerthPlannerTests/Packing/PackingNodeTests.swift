import BerthPlanner
import Testing

struct PackingNodeTests {
    private static let share = PackingShape(cpuMillis: 1000, memoryMebibytes: 1024, gpuCount: 1, gpuMillis: 300)
    private static let pair = PackingShape(cpuMillis: 1000, memoryMebibytes: 1024, gpuCount: 2, gpuMillis: 1000)

    @Test func `a share takes its part of one GPU, and whole GPUs are the first untouched`() {
        let node = PackingNode(cpuMillis: 8000, memoryMebibytes: 8192, gpuCount: 4, model: 0)
        let shared = node.placing(Self.share, on: 1)
        #expect((0..<4).map { shared.gpuMillis[$0] } == [1000, 700, 1000, 1000])
        let both = shared.placing(Self.pair)
        #expect((0..<4).map { both.gpuMillis[$0] } == [0, 700, 0, 1000])
        #expect(both.cpuMillis == 6000)
        #expect(both.memoryMebibytes == 6144)
        #expect(both.totalGPUMillis == 1700)
        #expect(both.untouchedGPUs == 1)
    }

    @Test func `a task needs CPU, memory, an allowed model and enough GPUs`() {
        let node = PackingNode(cpuMillis: 1000, memoryMebibytes: 1024, gpuCount: 2, model: 3)
        #expect(node.fits(Self.pair))
        #expect(!node.placing(Self.share, on: 0).fits(Self.pair))
        var shape = Self.share
        shape.cpuMillis = 1001
        #expect(!node.fits(shape))
        shape = Self.share
        shape.memoryMebibytes = 1025
        #expect(!node.fits(shape))
        shape = Self.share
        shape.models = AcceleratorModels(model: 2)
        #expect(!node.fits(shape))
        shape.models.insert(AcceleratorModels(model: 3))
        #expect(node.fits(shape))
    }

    @Test func `GPUs with equal rest are one choice, and the tightest is the first of the least rest`() {
        let node = PackingNode(cpuMillis: 8000, memoryMebibytes: 8192, gpuCount: 4, model: 0)
            .placing(Self.share, on: 1).placing(Self.share, on: 3)
        #expect(node.choices(forShare: Self.share) == [0, 1])
        #expect(node.tightestGPU(forShare: Self.share) == 1)
        let large = PackingShape(cpuMillis: 0, memoryMebibytes: 0, gpuCount: 1, gpuMillis: 701)
        #expect(node.choices(forShare: large) == [0])
        #expect(node.tightestGPU(forShare: large) == 0)
    }

    @Test func `a model catalog numbers names as they come and refuses one too many`() {
        var catalog = ModelCatalog()
        #expect(catalog.number(of: "T4") == 0)
        #expect(catalog.number(of: "P100") == 1)
        #expect(catalog.number(of: "T4") == 0)
        for extra in 2..<ModelCatalog.limit { #expect(catalog.number(of: "model \(extra)") == extra) }
        #expect(catalog.number(of: "one more") == nil)
        #expect(catalog.number(of: "P100") == 1)
    }
}
