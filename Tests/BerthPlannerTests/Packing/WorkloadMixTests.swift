import BerthPlanner
import Testing

struct WorkloadMixTests {
    private static let small = PackingShape(cpuMillis: 1000, memoryMebibytes: 1024)
    private static let large = PackingShape(cpuMillis: 9000, memoryMebibytes: 1024)

    @Test func `counts become shares, and a shape given twice counts once`() {
        let mix = WorkloadMix(counts: [(Self.small, 2), (Self.large, 1), (Self.small, 1)])
        #expect(mix.shares.map(\.shape) == [Self.small, Self.large])
        #expect(mix.shares.map(\.share) == [0.75, 0.25])
        #expect(WorkloadMix().shares.isEmpty)
    }

    @Test func `after a half-life of other arrivals a task counts half`() {
        var mix = WorkloadMix(halfLife: 100)
        mix.observe(Self.small)
        for _ in 0..<99 { mix.observe(PackingShape(cpuMillis: 1, memoryMebibytes: 1)) }
        mix.observe(Self.large)
        let shares = mix.shares
        #expect(abs(shares[0].share / shares[2].share - 0.5) < 0.01)
    }

    @Test func `a mix that is learned for long follows the arrivals and stays finite`() {
        var mix = WorkloadMix(halfLife: 10)
        for _ in 0..<5000 { mix.observe(Self.small) }
        for _ in 0..<100 { mix.observe(Self.large) }
        #expect(mix.shares[1].share > 0.99)
        #expect(abs(mix.shares.reduce(0) { $0 + $1.share } - 1) < 1e-9)
    }
}
