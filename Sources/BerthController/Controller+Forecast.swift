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

    /// Foresees, beside the rounds, how long one of the jobs will wait that have just come: what comes of it corrects the
    /// bands of later predictions. One at a time, and with pauses that leave it a twentieth of a core at the most.
    func foreseeWait(after events: [ClusterEvent], at time: Timestamp) {
        // Where very many wait, the copy would cost rounds more than a prediction is worth.
        guard foreseeing == nil, cluster.jobs.count <= 10_000 else { return }
        let waiting = events.lazy.reversed().compactMap { event -> Job.ID? in
            guard case .submitted(let submission) = event, let job = self.cluster.jobs[submission.id], !job.hasStarted,
                !job.isHeld
            else { return nil }
            return job.id
        }
        guard let job = waiting.first else { return }
        foreseeing = Task { [fork = fork] in
            let clock = ContinuousClock()
            let begin = clock.now
            let forecast = await Self.waitForecast(of: job, in: fork, at: time)
            let pause = (clock.now - begin) * 19
            if let forecast { inNextRound { dispatcher, now in dispatcher.note(forecast, of: job, at: now) } }
            try? await Task.sleep(for: pause)
            foreseeing = nil
        }
    }

    @concurrent private static func waitForecast(of job: Job.ID, in fork: Dispatcher, at time: Timestamp) async
        -> WaitForecast?
    {
        var fork = fork
        return fork.waitForecast(of: job, at: time)
    }
}
