/// A figure against the demand that has arrived, in whole percent of the cluster's GPUs: the mean over all arrivals
/// that round to a percent.
struct OpenBCurve {
    private var sums: [Double] = []
    private var counts: [Int] = []

    /// - Parameter demand: arrived so far, as a fraction of the cluster.
    mutating func record(_ value: Double, atDemand demand: Double) {
        let percent = Int((100 * demand).rounded(.toNearestOrEven))
        if percent >= sums.count {
            let missing = percent + 1 - sums.count
            sums.append(contentsOf: repeatElement(0, count: missing))
            counts.append(contentsOf: repeatElement(0, count: missing))
        }
        sums[percent] += value
        counts[percent] += 1
    }

    /// The mean at a percent, or at the next lower one where an arrival was: a large task may step over one.
    func value(atPercent percent: Int) -> Double? {
        var percent = min(percent, sums.count - 1)
        while percent >= 0 {
            if counts[percent] > 0 { return sums[percent] / Double(counts[percent]) }
            percent -= 1
        }
        return nil
    }
}
