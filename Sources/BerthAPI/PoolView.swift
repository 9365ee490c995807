public import BerthModel

/// A warm pool on a node, in `berth pools`.
public struct PoolView: Codable, Sendable, Hashable {
    public var name: String
    public var node: String
    /// `fork` or `server`.
    public var kind: String
    public var command: [String]
    /// Slots that wait for a job, slots from which jobs run, and how many there may be.
    public var idle: Int
    public var busy: Int
    public var minimum: Int
    public var maximum: Int
    /// Since the node's agent started.
    public var hits: Int
    public var misses: Int
    /// Misses by their reason.
    public var missReasons: [String: Int]
    /// What all hits together did not have to wait for, in seconds.
    public var secondsSaved: Double

    /// - Parameter status: nil where the node's agent has not told of it yet.
    public init(_ pool: PoolDefinition, on node: NodeName, _ status: PoolStatus?) {
        name = pool.name
        self.node = node.text
        kind = pool.server == nil ? "fork" : "server"
        command = pool.command
        idle = status?.idleSlots ?? 0
        busy = status?.busySlots ?? 0
        minimum = pool.minimumSlots
        maximum = pool.maximumSlots
        hits = status?.hits ?? 0
        missReasons = Dictionary(
            (status?.misses ?? []).map { ($0.reason.rawValue, $0.count) }, uniquingKeysWith: +)
        misses = missReasons.values.reduce(0, +)
        secondsSaved = status?.secondsSaved ?? 0
    }
}
