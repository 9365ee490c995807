import BerthPlanner
import Testing

struct BackfillPassTests {
    private func candidate(_ id: Int, width: Int, expected: Int, score: Double = 1) -> BackfillPass.Candidate {
        BackfillPass.Candidate(id: id, width: width, expected: expected, score: score)
    }

    /// Four processors, of which three are busy until 100.
    private var busy: AvailabilityProfile {
        var profile = AvailabilityProfile(capacity: 4, from: 0)
        profile.reserve(3, at: 0, for: 100)
        return profile
    }

    @Test func `a short job starts in the gap before a wide one, a long one does not`() {
        let candidates = [
            candidate(0, width: 4, expected: 50, score: 1), candidate(1, width: 1, expected: 200, score: 2),
            candidate(2, width: 1, expected: 100, score: 3),
        ]
        #expect(BackfillPass(candidates, in: busy, at: 0).starts == [2])
    }

    @Test func `the lesser score starts first`() {
        let candidates = [
            candidate(0, width: 1, expected: 10, score: 5), candidate(1, width: 1, expected: 10, score: 4),
        ]
        #expect(BackfillPass(candidates, in: busy, at: 0).starts == [1])
    }

    @Test func `only the first job that does not fit has a place kept`() {
        let candidates = [
            candidate(0, width: 4, expected: 50, score: 1), candidate(1, width: 3, expected: 50, score: 2),
            candidate(2, width: 1, expected: 101, score: 3), candidate(3, width: 1, expected: 99, score: 4),
        ]
        #expect(BackfillPass(candidates, in: busy, at: 0).starts == [3])
        #expect(BackfillPass(Array(candidates.dropFirst()), in: busy, at: 0).starts == [2])
    }

    @Test func `what is wider than the pool keeps nothing from others`() {
        let candidates = [
            candidate(0, width: 5, expected: 50, score: 1), candidate(1, width: 1, expected: 500, score: 2),
        ]
        #expect(BackfillPass(candidates, in: busy, at: 0).starts == [1])
    }
}
