public import BerthModel
public import BerthPlanner
public import BerthScheduling

/// Questions about what will be. They are answered on a copy, beside the controller: a long answer stops nobody.
extension Controller {
    /// Every reason that binds for a job, and what it can expect; nil for one that does not wait.
    @concurrent public nonisolated func prospect(of id: Job.ID) async -> (reasons: [WaitReason], prospect: JobProspect)?
    {
        var (fork, now) = await (fork, time)
        guard let job = fork.cluster.jobs[id], let prospect = fork.prospect(of: id, at: now) else { return nil }
        return (fork.waitReasons(for: job, at: now), prospect)
    }

    /// What would follow for everybody who waits.
    ///
    /// - Parameter suppositions: made from the cluster that the answer is about.
    /// - Throws: a `Refusal`, as for the real thing.
    @concurrent public nonisolated func whatIf(
        by user: String, _ suppositions: @Sendable (Cluster) throws -> [Supposition]
    ) async throws -> WhatIf {
        let (fork, now) = await (fork, time)
        return try fork.whatIf(suppositions(fork.cluster), by: user, history: history, at: now)
    }
}
