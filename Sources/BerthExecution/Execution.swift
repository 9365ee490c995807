package import BerthModel

/// How a node's attempts come to be: as processes under keepers, or only pretended.
package protocol Execution: Sendable {
    /// What an earlier agent has left: attempts that run or have ended since. Their ends are told from now on.
    func takeOver() -> [AttemptStatus]
    /// Gets ready for an attempt that is about to be recorded, or that is and waits for others to end, as far as that leaves no
    /// trace with its user. It may fail:
    /// then `start` does it.
    func prepare(_ order: AttemptOrder)
    /// Gives up what is ready for an attempt that waits for the end of others, so that it does not begin.
    ///
    /// - Returns: false where it has begun already.
    func withdraw(_ attempt: AttemptID) -> Bool
    /// Gives up all that is ready and has not been started, but for these attempts: whoever announced it is gone.
    func giveUpPrepared(except waiting: (AttemptID) -> Bool)
    /// Begins an attempt; what becomes of it is told as events. One that is ready and waits for the end of others may have
    /// begun already, as the last of those ended.
    func start(_ order: AttemptOrder)
    /// Ends it: with a notice and `grace`, or at once if that is zero.
    func stop(_ attempt: AttemptID, reason: StopReason, grace: Duration)
    /// What its job has said since the last time; what is returned here is not returned again.
    func newReports(of attempt: AttemptID) -> [Report]
    /// Its end is recorded: nothing of it but its output is kept.
    func forget(_ attempt: AttemptID)
    /// What became of the node's warm pools since the agent started.
    var poolStatuses: [PoolStatus] { get }
    /// Keeps what attempts write within its limits.
    ///
    /// - Parameter removesOld: whether output of attempts that ended long ago goes as well.
    /// - Returns: what could not be done, a sentence each.
    func tidyOutput(within limits: OutputLimits, removesOld: Bool) -> [String]
    /// The agent goes: what nobody needs is cleared away.
    func leave()
    /// Whether a process of its may still write output.
    func mayWrite(_ attempt: AttemptID) -> Bool
    /// With whose rights the files are read that a user's jobs name; nil for the agent's own.
    ///
    /// - Throws: a sentence, where the node does not know the user.
    func owner(of user: String) throws -> FileOwner?
    /// The file of an output stream.
    func outputFile(of attempt: AttemptID, isStandardError: Bool) -> String
}

/// What happens to attempts on the node.
package enum ExecutionEvent: Sendable {
    case launched(AttemptID, Launch)
    case ended(AttemptID, AttemptEnd)
}
