/// What has been learned of run times, and what of it the planner goes by: that is renewed now and then and not with
/// each end, so that what is worked out from it can be kept for a while.
public struct RunTimeKnowledge: Hashable, Sendable, Codable {
    /// What the planner goes by.
    public private(set) var known = RunTimeEstimator(.cluster)
    /// Changes whenever `known` does.
    public private(set) var epoch = 0
    private var latest = RunTimeEstimator(.cluster)
    private var ends = 0
    private var nextEpoch = 1

    public init() {}

    /// Renewed after each end at first, later after each fiftieth part of all, and after 64 ends at the latest.
    mutating func observe(_ features: RunTimeEstimator.Features, ranSeconds seconds: Double) {
        latest.observe(features, ranSeconds: seconds)
        ends += 1
        guard ends >= nextEpoch else { return }
        known = latest
        epoch += 1
        nextEpoch = ends + max(1, min(ends / 50, 64))
    }
}
