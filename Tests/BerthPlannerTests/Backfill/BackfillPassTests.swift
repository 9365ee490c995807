import BerthPlanner
import Testing

struct BackfillPassTests {
    private func candidate(
        _ id: Int, width: Int, requested: Int, due: Int = 1_000_000, score: Double = 1
    ) -> BackfillPass.Candidate {
        BackfillPass.Candidate(id: id, width: width, requested: requested, due: due, score: score)
    }

    /// Four processors, of which three are busy until 100.
    private var busy: AvailabilityProfile {
        var profile = AvailabilityProfile(capacity: 4, from: 0)
        profile.reserve(3, at: 0, for: 100)
        return profile
    }

    @Test func `a short job starts in the gap before a wide one, a long one does not`() {
        let candidates = [
            candidate(0, width: 4, requested: 50, score: 1), candidate(1, width: 1, requested: 200, score: 2),
            candidate(2, width: 1, requested: 100, score: 3),
        ]
        #expect(BackfillPass(candidates, in: busy, at: 0).starts == [2])
    }

    @Test func `the lesser score starts first`() {
        let candidates = [
            candidate(0, width: 1, requested: 10, score: 5), candidate(1, width: 1, requested: 10, score: 4),
        ]
        #expect(BackfillPass(candidates, in: busy, at: 0).starts == [1])
    }

    @Test func `no score passes a job that is overdue`() {
        let candidates = [
            candidate(0, width: 4, requested: 50, due: 0, score: 1e12),
            candidate(1, width: 1, requested: 101, score: 0), candidate(2, width: 1, requested: 99, score: 1),
        ]
        #expect(BackfillPass(candidates, in: busy, at: 0).starts == [2])
    }

    @Test func `patience ends sooner for long requests and stretches under overload`() {
        let patience = Patience()
        let short = patience.seconds(requestedSeconds: 60, load: 0.5)
        let long = patience.seconds(requestedSeconds: 216_000, load: 0.5)
        #expect(long < short)
        #expect(patience.seconds(requestedSeconds: 60, load: 3) == short * patience.longestStretch)
    }
}
