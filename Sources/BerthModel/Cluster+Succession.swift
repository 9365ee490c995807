/// Attempts that take over what others of their job hold.
extension Cluster {
    /// Whether the live attempt waits behind another, and so holds nothing.
    public func isSuccessor(_ attempt: Attempt) -> Bool {
        attempt.predecessor != nil && nodes[attempt.allocation.node]?.given[attempt.id] == nil
    }

    func checkSuccession(of attempt: Attempt, behind predecessor: AttemptID, _ event: ClusterEvent)
        throws(IllegalTransition)
    {
        let holder = state(of: predecessor)?.attempt
        try require(predecessor.task.job == attempt.id.task.job, event, "\(predecessor) is of another job")
        try require(holder?.allocations == attempt.allocations, event, "\(predecessor) holds something else")
        try require(!attempt.isGang, event, "gangs take nothing over")
        try require(
            nodes[attempt.allocation.node]?.given[predecessor] != nil, event, "\(predecessor) holds nothing")
    }

    /// Counts what an attempt holds that has ceased to wait. One that was given up with its node no longer counts.
    mutating func inherit(_ heir: AttemptID, at time: Timestamp) {
        guard let attempt = state(of: heir)?.attempt else { return }
        jobs[heir.task.job]?.successors -= 1
        count(attempt, by: 1, at: time)
    }
}
