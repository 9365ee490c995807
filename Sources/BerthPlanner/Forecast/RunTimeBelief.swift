import BerthModel
import RealModule

/// How long an attempt may run. All times in seconds.
enum RunTimeBelief {
    /// From runs of its likes.
    case learned(RunTimeEstimate)
    /// Its submitter says so, and nothing like it has run: between half and twice that, but not beyond the limit.
    case stated(Double, limit: Double)
    /// Nothing is known: every magnitude from a tenth of its limit up to the limit is as likely.
    case unknown(limit: Double)

    init(_ terms: WaitingTerms, _ runTimes: RunTimeKnowledge) {
        let features = terms.runTimeFeatures
        if runTimes.known.runsRemembered(of: features) > 0 {
            self = .learned(runTimes.known.estimate(features))
        } else {
            self.init(stated: terms.expectedTime, limit: terms.timeLimit)
        }
    }

    init(stated: Duration?, limit: Duration?) {
        let assumed = RunTimeEstimator.Features.assumedLimit
        if let stated {
            self = .stated(max(stated.inSeconds, 1), limit: max((limit ?? stated + stated).inSeconds, 1))
        } else {
            self = .unknown(limit: max((limit ?? assumed).inSeconds, 1))
        }
    }

    /// The run time to reckon with once it has run for `elapsed`: half of those like it stay within.
    ///
    /// - Returns: nil where it has outlived all that is believed.
    func expected(afterRunning elapsed: Double) -> Double? {
        // What was stated is taken at its word while it can be true.
        if case .stated(let seconds, let limit) = self, elapsed < min(seconds, limit) { return min(seconds, limit) }
        return quantile(0.5, afterRunning: elapsed)
    }

    /// The run time that `fraction` of those like it stay within, of those that have run for `elapsed`.
    ///
    /// - Returns: nil where it has outlived all that is believed.
    func quantile(_ fraction: Double, afterRunning elapsed: Double) -> Double? {
        switch self {
        case .learned(let estimate):
            let seconds = estimate.quantileSeconds(fraction, afterRunning: elapsed)
            return seconds > elapsed ? seconds : nil
        case .stated(let seconds, let limit):
            return Self.spread(from: seconds / 2, to: seconds * 2, fraction, elapsed).map { min($0, limit) }
                .flatMap { $0 > elapsed ? $0 : nil }
        case .unknown(let limit): return Self.spread(from: limit / 10, to: limit, fraction, elapsed)
        }
    }

    /// Log-uniform between two times, those up to `elapsed` ruled out.
    private static func spread(from least: Double, to most: Double, _ fraction: Double, _ elapsed: Double) -> Double? {
        guard elapsed < most else { return nil }
        let start = max(least, elapsed)
        return start * Double.exp(fraction * Double.log(most / start))
    }
}
