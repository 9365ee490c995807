/// The machines of the published experiments: devices by type, given out anew in every round.
public struct GavelCluster: Hashable, Sendable {
    public struct DeviceType: Hashable, Sendable {
        public var name: String
        public var count: Int

        public init(_ name: String, count: Int) {
            self.name = name
            self.count = count
        }
    }

    public var types: [DeviceType]
    public var roundSeconds: Double

    public init(types: [DeviceType], roundSeconds: Double) {
        self.types = types
        self.roundSeconds = roundSeconds
    }

    /// 36 of each of three generations, one GPU a server, rounds of six minutes.
    ///
    /// Source: Narayanan et al., "Heterogeneity-Aware Cluster Scheduling Policies for Deep Learning Workloads",
    /// OSDI 2020, section 7.
    public static let published = GavelCluster(
        types: [
            DeviceType("v100", count: 36), DeviceType("p100", count: 36), DeviceType("k80", count: 36),
        ],
        roundSeconds: 360)

    var capacities: [Int] { types.map(\.count) }
}
