public import BerthModel

/// The order in which a queue is tried, least first: what a job costs the others per unit of slowdown that it is spared.
///
///     score = mean run time · width / E[1 / max(10 s, run time)]
///
/// A job that starts holds `mean · width` of the pool, and each second that it waits adds E[1 / max(10 s, run)] to its
/// bounded slowdown; serving the least ratio first is Smith's rule for the sum of slowdowns. For a run time known
/// exactly it is run² · width. A job whose likes often end at once comes early even where its mean is long.
///
/// The score falls to nothing as the job's patience is used up: `· (1 - waited / patience)`.
///
/// Sources: W. E. Smith, Naval Research Logistics Quarterly 3, 1956; smallest area first, Carastan-Santos et al.,
/// CCGRID 2019, and Legrand, Trystram and Zrigui, IPDPS 2019. Taking the expectation inside is ours.
public struct QueueScore: Hashable, Sendable {
    /// Runs shorter than this are not slowed down more by the same wait.
    public static let thresholdSeconds = 10.0

    /// Seconds of the pool times width that a start is expected to take.
    public let area: Double
    /// Slowdown added by a second of waiting.
    public let urgency: Double

    public init(_ estimate: RunTimeEstimate, width: Int) {
        area = estimate.meanSeconds * Double(width)
        urgency = estimate.urgency(thresholdSeconds: Self.thresholdSeconds)
    }

    /// Least first.
    public func value(waitedSeconds: Double, patienceSeconds: Double) -> Double {
        // Never quite nothing, so that jobs past their patience keep their order among themselves.
        area / urgency * max(1e-6, 1 - waitedSeconds / max(1, patienceSeconds))
    }
}
