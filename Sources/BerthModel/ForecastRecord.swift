/// How forecasts of waits came out, and what follows for new ones: bands reach as far as it took lately to hold what
/// they promise.
///
/// A band that is to hold 80 % of the starts goes from the tenth to the ninetieth hundredth of the scores of the latest
/// forecasts (see `WaitForecast`). Twenty scores as they are where forecasts are right stand beside those that were
/// seen; with nothing seen yet they are all. State is bounded.
///
/// Sources: conformal prediction with scores of a moving window, Vovk, Gammerman and Shafer, Algorithmic Learning in a
/// Random World, 2005, and Gibbs and Candès, NeurIPS 2021; quantiles as what is corrected, Romano, Patterson and Candès,
/// NeurIPS 2019.
public struct ForecastRecord: Hashable, Sendable, Codable {
    /// Outcomes that count, and jobs that are waited for.
    public static let kept = 256
    public static let mostOpen = 256

    /// Of jobs that still wait.
    private var open: [Job.ID: WaitForecast] = [:]
    /// The newest last.
    private var scores: [Double] = []

    public init() {}

    /// Forecasts whose outcome is known.
    public var outcomes: Int { scores.count }

    // MARK: - Outcomes

    mutating func expect(_ job: Job.ID, _ forecast: WaitForecast) {
        if open.count >= Self.mostOpen, open[job] == nil {
            let oldest = open.min { ($0.value.time, $0.key) < ($1.value.time, $1.key) }
            if let oldest { withdraw(oldest.key, at: forecast.time) }
        }
        open[job] = forecast
    }

    mutating func start(_ job: Job.ID, at time: Timestamp) {
        guard let forecast = open.removeValue(forKey: job) else { return }
        count(forecast.score(of: time - forecast.time))
    }

    /// The job waits no longer, or not for its turn. When it would have started nobody knows: it counts only where that
    /// would have been late in any case.
    mutating func withdraw(_ job: Job.ID, at time: Timestamp) {
        guard let forecast = open.removeValue(forKey: job) else { return }
        if let score = Self.lateScore(forecast, at: time) { count(score) }
    }

    private mutating func count(_ score: Double) {
        scores.append(score)
        if scores.count > Self.kept { scores.removeFirst(scores.count - Self.kept) }
    }

    /// The score of a job that still waits, where it has outlived all but the last fortieth of what was foreseen.
    private static func lateScore(_ forecast: WaitForecast, at now: Timestamp) -> Double? {
        let score = forecast.score(of: now - forecast.time)
        return score > normal[normal.count - 1] ? score : nil
    }

    // MARK: - Bands

    /// A job starts with this probability between these two scores. Of two bands the wider one holds the narrower.
    ///
    /// - Parameter now: who still waits then, and is late, counts as late.
    public func range(percent: Int, at now: Timestamp) -> ClosedRange<Double> {
        let late = open.values.compactMap { Self.lateScore($0, at: now) }
        let all = (scores + late + Self.normal).sorted()
        let outside = Double(100 - min(max(percent, 0), 100)) / 200
        // Of n scores as likely in any order, the next one lies below the k-th with probability k / (n + 1).
        let below = max(1, Int(outside * Double(all.count + 1)))
        let middle = all[all.count / 2]
        // The narrowest of bands that were too wide hitherto is a quarter of what was drawn.
        let least = Self.drawn(outside: outside) / 4
        return min(all[below - 1], middle - least)...max(all[all.count - below], middle + least)
    }

    /// The twentieths of the normal distribution, the middle of each.
    private static let normal = [
        -1.959_964, -1.439_531, -1.150_349, -0.934_589, -0.755_415, -0.597_760, -0.453_762, -0.318_639, -0.189_118,
        -0.062_707, 0.062_707, 0.189_118, 0.318_639, 0.453_762, 0.597_760, 0.755_415, 0.934_589, 1.150_349, 1.439_531,
        1.959_964,
    ]

    /// How far from the median the normal distribution has so much outside on one side.
    private static func drawn(outside: Double) -> Double {
        normal[min(normal.count - 1, Int((1 - outside) * Double(normal.count)))]
    }
}
