public import BerthModel

/// When a waiting job's turn comes; a queue is tried in the order of turns.
///
///     cost = mean run time · width / E[1 / max(10 s, run time)]
///     turn = submission + min(patience, 25 · √cost)
///
/// A job that starts holds `mean · width` of the pool, and each second that it waits adds E[1 / max(10 s, run)] to its
/// bounded slowdown: the cost is what it costs the others per unit of slowdown that it is spared (Smith's ratio). For a
/// run time known exactly it is run² · width, and its root is in seconds: a job on one core is let wait for 25 times its
/// run. A job whose likes often end at once comes early even where its mean is long.
///
/// **Nobody starves:** a turn moves only with what is believed of the job, and comes at the latest when its patience is
/// over. So no job is ever passed in the order by one that was submitted more than its patience later. Large jobs, whose
/// patience it is that counts, go first come first served among themselves.
///
/// Sources: the ratio, W. E. Smith, Naval Research Logistics Quarterly 3, 1956; smallest area first, Carastan-Santos et
/// al., CCGRID 2019, and Legrand, Trystram and Zrigui, IPDPS 2019; due times from a bound on the slowdown, Bender,
/// Chakrabarti and Muthukrishnan, SODA 1998. Taking the expectation inside, and the limit, are ours.
public struct QueueScore: Hashable, Sendable {
    /// Runs shorter than this are not slowed down more by the same wait.
    public static let thresholdSeconds = 10.0
    /// How many times its run a job on one core is let wait.
    public static let grantedSlowdown = 25.0

    /// Seconds of the pool times width that a start is expected to take.
    public let area: Double
    /// How long the job is let wait, but for its patience.
    private let grantedSeconds: Double

    public init(_ estimate: RunTimeEstimate, width: Int) {
        area = estimate.meanSeconds * Double(width)
        let cost = area / estimate.urgency(thresholdSeconds: Self.thresholdSeconds)
        grantedSeconds = Self.grantedSlowdown * cost.squareRoot()
    }

    /// How long it is until the job's turn, less than nothing where that is over: least first.
    public func secondsToTurn(waitedSeconds: Double, patienceSeconds: Double) -> Double {
        min(patienceSeconds, grantedSeconds) - waitedSeconds
    }
}
