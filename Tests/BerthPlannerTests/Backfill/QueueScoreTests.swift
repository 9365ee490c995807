import BerthModel
import BerthPlanner
import Testing

struct QueueScoreTests {
    private func random(_ random: inout SeededGenerator) -> QueueScore {
        let request = Double.random(in: 1...1_000_000, using: &random)
        let samples = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            RunTimeEstimate.Sample(
                seconds: Double.random(in: 1...request, using: &random),
                weight: Double.random(in: 0.1...1, using: &random))
        }
        return QueueScore(
            RunTimeEstimate(samples, requestedSeconds: request), width: Int.random(in: 1...10_000, using: &random))
    }

    /// The bound against starvation, whatever is believed of the two.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `no job comes before one that was submitted more than its patience earlier`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let (early, late) = (random(&generator), random(&generator))
        let patience = Patience.seconds(load: Double.random(in: 0...3, using: &generator))
        let waited = Double.random(in: 0...10, using: &generator) * patience
        let apart = patience * Double.random(in: 1.000_001...3, using: &generator)
        #expect(
            early.secondsToTurn(waitedSeconds: waited + apart, patienceSeconds: patience)
                < late.secondsToTurn(waitedSeconds: waited, patienceSeconds: patience))
    }

    /// So a job that is ahead of another stays ahead, and each comes to the front in the end.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `the order of two jobs does not change as they wait`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let (one, other) = (random(&generator), random(&generator))
        let apart = Double.random(in: 0...500_000, using: &generator)
        let orders = [0, 1_000, 100_000, 10_000_000].map { waited in
            one.secondsToTurn(waitedSeconds: waited + apart, patienceSeconds: Patience.ordinarySeconds)
                < other.secondsToTurn(waitedSeconds: waited, patienceSeconds: Patience.ordinarySeconds)
        }
        #expect(Set(orders).count == 1)
    }

    @Test func `a job on one core is let wait for 25 times its run, a large one for its patience`() {
        let patience = Patience.ordinarySeconds
        let short = QueueScore(RunTimeEstimate(exactSeconds: 600), width: 1)
        #expect(abs(short.secondsToTurn(waitedSeconds: 0, patienceSeconds: patience) - 15_000) < 1)
        let large = QueueScore(RunTimeEstimate(exactSeconds: 36_000), width: 64)
        #expect(large.secondsToTurn(waitedSeconds: 1_000, patienceSeconds: patience) == patience - 1_000)
    }

    @Test func `patience stretches while more arrives than can be done, up to a limit`() {
        #expect(Patience.seconds(load: 0) == Patience.ordinarySeconds)
        #expect(Patience.seconds(load: 1) == Patience.ordinarySeconds)
        #expect(Patience.seconds(load: 1.1) > Patience.ordinarySeconds)
        #expect(Patience.seconds(load: 9) == Patience.ordinarySeconds * Patience.longestStretch)
    }
}
