extension Job.Task {
    /// Counts an attempt that came to nothing through no fault of the job's. One that ran for a while, or ended by a fault
    /// of the job's own, ends the row; one that was stopped early says nothing.
    ///
    /// - Parameter state: what the attempt did before its end.
    mutating func countLoss(_ end: AttemptEnd, _ state: TaskState) { losses = losses(after: end, state) }

    /// How many there would be in a row with this one.
    public func losses(after end: AttemptEnd, _ state: TaskState) -> Int {
        let start: Timestamp? =
            switch state {
            case .running(_, let since), .stopping(_, _, let since?): since
            case .waiting, .starting, .stopping: nil
            }
        let seen = min(end.endTime, end.lastSeen ?? end.endTime)
        if let start, seen - start >= FailureLimits.worthwhileRun { return 0 }
        if end.isLoss { return losses + 1 }
        return end.cause == .stopped ? losses : 0
    }
}
