/// Which waiting jobs start now in a pool where only widths count.
///
/// The first job past its patience, by due time, has a reservation at the earliest instant that the requests of running
/// jobs leave room for. Then the queue goes by score: what fits without delaying a reservation starts; the first
/// `reservedByScore` jobs that do not fit have reservations of their own.
///
/// Reservations count with requested times, which nothing outlives; estimates only order. So the reservation of the
/// first overdue job never moves back: from then it waits at most for the longest request among running jobs, and in
/// all at most for its patience, that request, and the same for each job due before it.
///
/// Source: EASY (Lifka, JSSPP 1995; Mu'alem and Feitelson, IEEE TPDS 12(6), 2001) with the whole queue reordered and
/// jobs waiting too long moved to its front, as in Lelong, Reis and Trystram, JSSPP 2017.
public struct BackfillPass: Sendable {
    /// A waiting job.
    public struct Candidate: Hashable, Sendable {
        /// Told apart by this; the lower was submitted first and wins ties.
        public var id: Int
        public var width: Int
        public var requested: Int
        /// The instant at which its patience ends.
        public var due: Int
        /// `QueueScore.value`: least first.
        public var score: Double

        public init(id: Int, width: Int, requested: Int, due: Int, score: Double) {
            self.id = id
            self.width = width
            self.requested = requested
            self.due = due
            self.score = score
        }
    }

    /// How many jobs that do not fit hold reservations by score.
    public static let reservedByScore = 2

    /// What running jobs leave, by their requests; every job that starts is reserved in it.
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
        let overdue = candidates.filter { $0.due <= now }.min { ($0.due, $0.id) < ($1.due, $1.id) }
        if let overdue { startOrReserve(overdue) }
        var reservations = 0
        for candidate in candidates.sorted(by: { ($0.score, $0.id) < ($1.score, $1.id) })
        where candidate.id != overdue?.id {
            if candidate.width > self.profile.free(at: now) {
                guard reservations < Self.reservedByScore else { continue }
                reservations += 1
                startOrReserve(candidate)
            } else if self.profile.fits(candidate.width, at: now, for: candidate.requested) {
                start(candidate)
            }
        }
    }

    private mutating func startOrReserve(_ candidate: Candidate) {
        let start = profile.earliestStart(of: candidate.width, for: candidate.requested, notBefore: now)
        // What is wider than the whole pool waits for ever, and nothing for it.
        guard let start else { return }
        if start == now { return self.start(candidate) }
        profile.reserve(candidate.width, at: start, for: candidate.requested)
    }

    private mutating func start(_ candidate: Candidate) {
        starts.append(candidate.id)
        profile.reserve(candidate.width, at: now, for: candidate.requested)
    }
}
