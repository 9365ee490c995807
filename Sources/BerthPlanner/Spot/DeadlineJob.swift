/// What is left of a job that must end by a deadline, at one instant. It is saved before it loses its node, so only the
/// changeover to the next one is lost.
public struct DeadlineJob: Hashable, Sendable {
    /// Work that is still to be done, in seconds on a node.
    public var workSeconds: Double
    /// Time until the deadline.
    public var remainingSeconds: Double
    /// How long a newly taken node makes no progress.
    public var changeoverSeconds: Double
    /// What it holds now.
    public var holding = SpotChoice.idle
    /// How much of the changeover is still ahead on what it holds.
    public var startingSeconds = 0.0

    public init(workSeconds: Double, remainingSeconds: Double, changeoverSeconds: Double) {
        precondition(workSeconds >= 0 && changeoverSeconds >= 0, "work and changeover are not negative")
        self.workSeconds = workSeconds
        self.remainingSeconds = remainingSeconds
        self.changeoverSeconds = changeoverSeconds
    }

    /// How long it could still lose before even work without a pause comes too late.
    public var slackSeconds: Double { remainingSeconds - workSeconds }

    /// How long it makes no progress from now on if it takes or keeps `choice`.
    public func startSeconds(on choice: SpotChoice) -> Double {
        choice == holding ? startingSeconds : changeoverSeconds
    }

    /// Whether the deadline is certain to be met after `seconds` of `choice`, whatever becomes of spot capacity: there
    /// must be time to go to on-demand and stay. On-demand itself is always the safest there is.
    public func isSafe(_ choice: SpotChoice, for seconds: Double) -> Bool {
        switch choice {
        case .idle: slackSeconds - seconds >= changeoverSeconds
        case .spot: slackSeconds - min(startSeconds(on: .spot), seconds) >= changeoverSeconds
        case .onDemand: true
        }
    }
}
