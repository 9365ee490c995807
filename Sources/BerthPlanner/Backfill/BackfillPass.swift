/// Which waiting jobs start now in a pool where only widths count.
///
/// Jobs are looked at in the order of their turns. The first that does not fit has a reservation, at the earliest instant
/// by which enough is expected to be free; any other starts where it fits without delaying that one.
///
/// Source: EASY (Lifka, JSSPP 1995; Mu'alem and Feitelson, IEEE TPDS 12(6), 2001) with the whole queue reordered.
public struct BackfillPass: Sendable {
    /// A waiting job.
    public struct Candidate: Hashable, Sendable {
        /// Told apart by this; the lower was submitted first and wins ties.
        public var id: Int
        public var width: Int
        /// For how long it is expected to run.
        public var expected: Int
        /// `QueueScore.secondsToTurn`: least first.
        public var score: Double

        public init(id: Int, width: Int, expected: Int, score: Double) {
            self.id = id
            self.width = width
            self.expected = expected
            self.score = score
        }
    }

    /// What is expected to be free; every job that starts is reserved in it.
    private var profile: AvailabilityProfile
    private let now: Int
    /// In the order of starting.
    public private(set) var starts: [Int] = []

    /// Decides, at O(p log p + p·r) for p candidates and r running jobs.
    public init(_ candidates: [Candidate], in profile: AvailabilityProfile, at now: Int) {
        self.profile = profile
        self.now = now
        let free = profile.free(at: now)
        guard candidates.contains(where: { $0.width <= free }) else { return }
        var isReserved = false
        for candidate in candidates.sorted(by: { ($0.score, $0.id) < ($1.score, $1.id) }) {
            if self.profile.fits(candidate.width, at: now, for: candidate.expected) {
                starts.append(candidate.id)
                self.profile.reserve(candidate.width, at: now, for: candidate.expected)
            } else if !isReserved {
                isReserved = reserve(candidate)
            }
        }
    }

    /// What is wider than the whole pool waits for ever, and nothing for it.
    private mutating func reserve(_ candidate: Candidate) -> Bool {
        let start = profile.earliestStart(of: candidate.width, for: candidate.expected, notBefore: now)
        guard let start else { return false }
        profile.reserve(candidate.width, at: start, for: candidate.expected)
        return true
    }
}
