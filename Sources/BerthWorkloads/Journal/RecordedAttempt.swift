import BerthModel

/// An attempt as it was recorded.
struct RecordedAttempt: Sendable {
    let attempt: Attempt
    /// When its process started; nil where none came to be.
    var launchTime: Timestamp?
    var stopReason: StopReason?
    var end: AttemptEnd?
    /// Whether its task ended with it, well or not, and was not started again.
    var isFinal = false

    init(_ attempt: Attempt) { self.attempt = attempt }

    /// How long its process ran; zero where there was none, or it has not ended.
    var runTime: Duration {
        guard let launchTime, let end else { return .zero }
        return max(.zero, end.endTime - launchTime)
    }

    /// What its GPUs used in so much of its run, as if evenly; nil where no driver told.
    func energyJoules(in time: Duration) -> Double? {
        guard let all = end?.usage?.gpuEnergyJoules else { return nil }
        return runTime > time ? all * (time.inSeconds / runTime.inSeconds) : all
    }

    /// Whether it was stopped so that another job could have its resources.
    var wasPreempted: Bool { stopReason == .preempted && end != nil && !isFinal }
}
