/// A job's place in line and what it comes from: the first difference decides, then the earlier submission.
public struct JobPriority: Hashable, Sendable, Codable {
    /// Its queue's; higher comes first.
    public var tier: Int
    /// Whether it would hold more than its project's quota; such jobs come after those that stay within.
    public var isBorrowing: Bool
    /// Whether it has waited longer than its bound: then it comes before all that have not, the oldest first.
    public var isOverdue: Bool
    /// Whether it was preempted and waits for its next attempt; it comes before its peers.
    public var isReturning: Bool
    /// 0 to 1: how little its user and project have used lately.
    public var fairShare: Double
    /// 0 to 1: how long it has waited, against how long it will run and how much it takes.
    public var wait: Double
    /// The weighted sum of the two; higher comes first.
    public var score: Double

    public init(
        tier: Int, isBorrowing: Bool = false, isOverdue: Bool = false, isReturning: Bool = false, fairShare: Double,
        wait: Double, score: Double
    ) {
        self.tier = tier
        self.isBorrowing = isBorrowing
        self.isOverdue = isOverdue
        self.isReturning = isReturning
        self.fairShare = fairShare
        self.wait = wait
        self.score = score
    }

    /// Whether a job of this priority comes before one of `other`.
    public func precedes(_ other: JobPriority) -> Bool? {
        if tier != other.tier { return tier > other.tier }
        if isBorrowing != other.isBorrowing { return other.isBorrowing }
        if isOverdue != other.isOverdue { return isOverdue }
        if isOverdue { return nil }
        if isReturning != other.isReturning { return isReturning }
        return score == other.score ? nil : score > other.score
    }
}
