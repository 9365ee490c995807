public import BerthModel

/// When a waiting job is expected to start.
public struct StartPrediction: Hashable, Sendable {
    /// If all that runs and waits takes as long as is expected of it; nil where it does not start within the horizon.
    public var start: Timestamp?
    /// The job whose end lets it start, on one of its nodes; nil where it waits for none.
    public var behind: Job.ID?
    /// 50, 80 and 95 %; none where too few courses could be looked at.
    public var bands: [Band]
    /// Whether a bound on work ended the forecast before its horizon.
    public var isCut: Bool

    /// Between these times the job started in so many of the courses that were drawn.
    public struct Band: Hashable, Sendable {
        public var percent: Int
        public var from: Timestamp?
        /// nil is beyond the horizon.
        public var to: Timestamp?

        public func contains(_ time: Timestamp) -> Bool {
            guard let from, from <= time else { return false }
            return to.map { time <= $0 } ?? true
        }
    }

    public static let percents = [50, 80, 95]
    /// With fewer courses than this a band would say little.
    static let fewestCourses = 8

    init(start: Timestamp?, behind: Job.ID? = nil, draws: [Timestamp?] = [], isCut: Bool = false) {
        self.start = start
        self.behind = behind
        self.isCut = isCut
        let sorted = draws.map { $0 ?? .distantFuture }.sorted()
        bands = sorted.count < Self.fewestCourses ? [] : Self.percents.map { Self.band($0, of: sorted, around: start) }
    }

    /// The middle part of the draws, widened to hold the prediction itself. Between the i-th and the j-th of n draws the
    /// next one falls with probability (j − i) / (n + 1).
    private static func band(_ percent: Int, of sorted: [Timestamp], around start: Timestamp?) -> Band {
        let outside = max(0, (sorted.count + 1) * (100 - percent) / 200 - 1)
        let point = start ?? .distantFuture
        let (from, to) = (min(sorted[outside], point), max(sorted[sorted.count - 1 - outside], point))
        return Band(
            percent: percent, from: from == .distantFuture ? nil : from, to: to == .distantFuture ? nil : to)
    }
}
