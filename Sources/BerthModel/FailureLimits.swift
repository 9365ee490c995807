/// How often something may fail in a row before Berth steps in. nil anywhere: it never does.
///
/// See `docs/decisions/0014-families-and-bad-nodes.md` for why these numbers.
public struct FailureLimits: Hashable, Sendable, Codable {
    /// Tasks of a job family that fail for good in a row, before its waiting jobs are held.
    public var family: Int?
    /// Attempts in a row that a node fails by its own fault, before it is drained.
    public var nodeFaults: Int?
    /// Attempts in a row that fail on a node by what looks like their jobs' own faults, though the jobs' families, at
    /// least `families` of them, have succeeded elsewhere; before the node is drained.
    public var nodeFailures: Int?
    /// Attempts of a task in a row that come to nothing by their nodes' faults, before its job is held.
    public var losses: Int?
    /// How long a task waits after the second such attempt in a row, the third, and so on.
    public var lossBackoff: RetryPolicy.Backoff

    public init(
        family: Int? = 20, nodeFaults: Int? = 3, nodeFailures: Int? = 8, losses: Int? = 10,
        lossBackoff: RetryPolicy.Backoff = .init(initial: .seconds(5), factor: 2, maximum: .seconds(600))
    ) {
        self.family = family
        self.nodeFaults = nodeFaults
        self.nodeFailures = nodeFailures
        self.losses = losses
        self.lossBackoff = lossBackoff
    }

    /// Berth never steps in.
    public static let none = FailureLimits(family: nil, nodeFaults: nil, nodeFailures: nil, losses: nil)

    /// Failures on a node count against it only if they are of so many families that succeed elsewhere.
    public static let families = 3
    /// What a family did on other nodes within this time counts.
    public static let memory = Duration.seconds(86_400)
    /// An attempt that ran so long has come to something, whatever ended it.
    public static let worthwhileRun = Duration.seconds(60)
    /// So long a job does not start where an attempt of it could not be launched, if others could run it.
    public static let avoidance = Duration.seconds(300)
    /// The largest number that may be set for a node: its record keeps so many.
    public static let largestNodeLimit = 32
}
