public import BerthModel

/// When a waiting job is expected to start.
public struct StartPrediction: Hashable, Sendable {
    /// As `undisturbed`, or where that is not in the 50 % band, the end of the band that is next to it; nil where the job
    /// does not start within the horizon.
    public private(set) var start: Timestamp?
    /// If all that runs and waits takes as long as is expected of it, and nobody else comes.
    public let undisturbed: Timestamp?
    /// The job whose end lets it start, on one of its nodes; nil where it waits for none.
    public let behind: Job.ID?
    /// 50, 80 and 95 %, each within the next; none where too few courses could be looked at.
    public private(set) var bands: [Band] = []
    /// What the bands were made from, before they were corrected; nil where there are none.
    public private(set) var wait: WaitForecast?
    /// How many earlier forecasts corrected the bands.
    public private(set) var outcomes = 0
    /// Whether a bound on work ended the forecast before its horizon.
    public let isCut: Bool

    /// Between these times the job starts with this probability.
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

    init(start: Timestamp?, behind: Job.ID? = nil, isCut: Bool = false) {
        self.start = start
        undisturbed = start
        self.behind = behind
        self.isCut = isCut
    }

    /// Adds bands to the prediction, as wide as earlier ones would have had to be.
    mutating func add(_ wait: WaitForecast, _ record: ForecastRecord, at now: Timestamp, horizon: Timestamp) {
        self.wait = wait
        outcomes = record.outcomes
        bands = Self.percents.map { percent in
            let scores = record.range(percent: percent, at: now)
            let (from, to) = (wait.end(atScore: scores.lowerBound), wait.end(atScore: scores.upperBound))
            return Band(percent: percent, from: from < horizon ? from : nil, to: to < horizon ? to : nil)
        }
        guard let start, let band = bands.first else { return }
        self.start = band.from.map { min(max(start, $0), band.to ?? horizon) }
    }
}
