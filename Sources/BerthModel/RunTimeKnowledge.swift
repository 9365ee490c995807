/// What has been learned of run times, and what of it the planner goes by: that is renewed now and then and not with
/// each end, so that what is worked out from it can be kept for a while.
///
/// Run times are those on the type of device where such a job goes fastest: what a run took elsewhere is scaled by its
/// throughput there, as its submitter states it or as it was learned.
public struct RunTimeKnowledge: Hashable, Sendable, Codable {
    /// What the planner goes by.
    public private(set) var known = RunTimeEstimator(.cluster)
    private var throughputs = ThroughputHistory()
    /// Changes whenever what the planner goes by does.
    public private(set) var epoch = 0
    private var latest = RunTimeEstimator(.cluster)
    private var latestThroughputs = ThroughputHistory()
    private var ends = 0
    private var nextEpoch = 1

    public init() {}

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        known = try container.decode(RunTimeEstimator.self, forKey: .known)
        epoch = try container.decode(Int.self, forKey: .epoch)
        latest = try container.decode(RunTimeEstimator.self, forKey: .latest)
        ends = try container.decode(Int.self, forKey: .ends)
        nextEpoch = try container.decode(Int.self, forKey: .nextEpoch)
        // Snapshots of before throughputs were learned have none.
        throughputs = try container.decodeIfPresent(ThroughputHistory.self, forKey: .throughputs) ?? throughputs
        latestThroughputs =
            try container.decodeIfPresent(ThroughputHistory.self, forKey: .latestThroughputs) ?? latestThroughputs
    }

    /// Whether some jobs have run on several types of devices.
    public var knowsThroughputs: Bool { throughputs.tellsTypesApart }

    /// How fast jobs like this one go on each type of device; nil where their runs do not tell.
    public func throughput(of features: RunTimeEstimator.Features) -> Throughput? {
        knowsThroughputs ? throughputs.throughput(of: features) : nil
    }

    /// Renewed after each end at first, later after each fiftieth part of all, and after 64 ends at the latest.
    ///
    /// - Parameters:
    ///   - models: of what it ran on.
    ///   - stated: how fast it goes on each type, if its submitter says so.
    mutating func observe(
        _ features: RunTimeEstimator.Features, ranSeconds seconds: Double, on models: [String] = [],
        stated: Throughput? = nil
    ) {
        let speed = (stated ?? throughput(of: features))?.speed(on: models) ?? 1
        latest.observe(features, ranSeconds: seconds * speed)
        if stated == nil, models.count == 1, let model = models.first {
            latestThroughputs.observe(features, ranSeconds: seconds, on: model)
        }
        ends += 1
        guard ends >= nextEpoch else { return }
        known = latest
        throughputs = latestThroughputs
        epoch += 1
        nextEpoch = ends + max(1, min(ends / 50, 64))
    }
}
