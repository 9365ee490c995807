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
        let backoff = RetryPolicy.Backoff(jitter: 0.2)
        for retry in 1...12 {
            let middle = min(10 * Double(1 << (retry - 1)), 600)
            let wait = backoff.delay(beforeRetry: retry, seed: seed)
            #expect(wait.inSeconds >= middle * 0.8 - 1e-6)
            #expect(wait.inSeconds <= middle * 1.2 + 1e-6)
            #expect(wait == backoff.delay(beforeRetry: retry, seed: seed))
        }
    }

    @Test func `waits of different attempts are spread out on both sides`() {
        let waits = (0..<200 as Range<UInt64>).map {
            RetryPolicy.Backoff(jitter: 0.2).delay(beforeRetry: 1, seed: $0).inSeconds
        }
        #expect(Set(waits).count > 190)
        #expect(waits.contains { $0 < 9 })
        #expect(waits.contains { $0 > 11 })
    }

    @Test func `full jitter draws from the whole wait`() {
        let waits = (0..<200 as Range<UInt64>).map { RetryPolicy.Backoff().delay(beforeRetry: 2, seed: $0).inSeconds }
        #expect(waits.allSatisfy { (0..<20).contains($0) })
        #expect(waits.contains { $0 < 2 } && waits.contains { $0 > 18 })
    }

    private func end(_ cause: AttemptEnd.Cause, exitCode: Int? = nil, signal: Int? = nil) -> AttemptEnd {
        AttemptEnd(cause: cause, exitCode: exitCode, signal: signal, endTime: .epoch)
    }

    @Test func `the first rule that fits decides`() {
        let policy = RetryPolicy(
            attempts: 1,
            rules: [
                .init(on: [.exit], exitCodes: IndexRanges([75]), attempts: 5),
                .init(on: [.exit], exitCodes: IndexRanges([76, 77]), action: .fail),
                .init(on: [.signal], signals: [11], action: .fail), .init(on: [.timedOut]),
            ])
        #expect(policy.retry(after: end(.exit, exitCode: 75), retries: 4) != nil)
        #expect(policy.retry(after: end(.exit, exitCode: 75), retries: 5) == nil)
        #expect(policy.retry(after: end(.exit, exitCode: 77), retries: 0) == nil)
        #expect(policy.retry(after: end(.exit, exitCode: 1), retries: 0) != nil, "the policy's own terms")
        #expect(policy.retry(after: end(.exit, exitCode: 1), retries: 1) == nil)
        #expect(policy.retry(after: end(.signal, signal: 11), retries: 0) == nil)
        #expect(policy.retry(after: end(.signal, signal: 7), retries: 0) != nil)
        #expect(policy.retry(after: end(.timeLimit), retries: 0) != nil, "a rule adds to what is tried again")
        #expect(policy.retry(after: end(.launchFailed), retries: 0) == nil)
        #expect(policy.retry(after: end(.exit, exitCode: 0), retries: 0) == nil)
    }

    @Test func `more memory is asked for only after running out, where a rule says so, up to its maximum`() {
        let growth = RetryPolicy.MemoryGrowth(factor: 2, maximumBytes: 3 << 30)
        let policy = RetryPolicy(attempts: 3, rules: [.init(on: [.outOfMemory], memory: growth)])
        #expect(policy.memory(after: end(.outOfMemory), given: 1 << 30) == 2 << 30)
        #expect(policy.memory(after: end(.outOfMemory), given: 2 << 30) == 3 << 30)
        #expect(policy.memory(after: end(.outOfMemory), given: 3 << 30) == nil)
        #expect(policy.memory(after: end(.outOfMemory), given: 0) == nil)
        #expect(policy.memory(after: end(.exit, exitCode: 1), given: 1 << 30) == nil)
        #expect(RetryPolicy(attempts: 3).memory(after: end(.outOfMemory), given: 1 << 30) == nil)
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
