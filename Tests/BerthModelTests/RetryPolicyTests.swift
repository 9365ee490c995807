import BerthModel
import Testing

@Suite struct RetryPolicyTests {
    @Test func `without jitter the wait doubles up to its maximum`() {
        let backoff = RetryPolicy.Backoff(initial: .seconds(10), factor: 2, maximum: .seconds(60), jitter: 0)
        let waits = (1...6).map { backoff.delay(beforeRetry: $0, seed: 1) }
        #expect(waits == [10, 20, 40, 60, 60, 60].map { Duration.seconds($0) })
        #expect(backoff.delay(beforeRetry: 0, seed: 1) == .seconds(10))
        #expect(backoff.delay(beforeRetry: 1_000_000, seed: 1) == .seconds(60))
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `a wait is spread by no more than its jitter, and a seed gives the same wait again`(seed: UInt64) {
        let backoff = RetryPolicy.Backoff()
        for retry in 1...12 {
            let middle = min(10 * Double(1 << (retry - 1)), 600)
            let wait = backoff.delay(beforeRetry: retry, seed: seed)
            #expect(wait.inSeconds >= middle * 0.8 - 1e-6)
            #expect(wait.inSeconds <= middle * 1.2 + 1e-6)
            #expect(wait == backoff.delay(beforeRetry: retry, seed: seed))
        }
    }

    @Test func `waits of different attempts are spread out on both sides`() {
        let waits = (0..<200 as Range<UInt64>).map { RetryPolicy.Backoff().delay(beforeRetry: 1, seed: $0).inSeconds }
        #expect(Set(waits).count > 190)
        #expect(waits.contains { $0 < 9 })
        #expect(waits.contains { $0 > 11 })
    }

    @Test func `the generator gives the numbers that are published for it`() {
        var generator = SeededGenerator(seed: 0)
        let numbers = (0..<3).map { _ in generator.next() }
        #expect(numbers == [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F])
    }

    @Test func `the stable hash is the one that is published`() {
        var hasher = StableHasher()
        #expect(hasher.text == "cbf29ce484222325")
        hasher.combine("a")
        let first = hasher.value
        hasher.combine("b")
        var joined = StableHasher()
        joined.combine("ab")
        #expect(hasher.value != joined.value, "two texts are not the one that they make together")
        #expect(first != hasher.value)
    }
}
