public import BerthModel
public import BerthPlanner

extension ClusterPlanner {
    /// What becomes of the cluster's waiting jobs. Holds and dependencies are never over by themselves; begins, backoffs
    /// and deadlines come, and an array's tasks follow one another.
    ///
    /// - Complexity: O(j) for j jobs; the forecast itself is made when it is asked.
    public mutating func forecast(_ cluster: Cluster, at now: Timestamp, _ bounds: ForecastBounds = ForecastBounds())
        -> Forecast
    {
        follow(cluster, at: now)
        return Forecast(planner, PlanningFacts(cluster), foreseen(in: cluster, at: now), at: now, bounds)
    }

    private func foreseen(in cluster: Cluster, at now: Timestamp) -> Foreseen {
        var foreseen = Foreseen { id in
            cluster.jobs[id].map { job in
                Foreseen.KnownJob(
                    submitTime: job.submission.submitTime,
                    terms: WaitingTerms(job, isReturning: false, in: cluster.configuration))
            }
        }
        foreseen.past = Foreseen.Past(
            from: cluster.submissions.start(at: now),
            cluster.submissions.entries.map { entry in
                Foreseen.Past.Arrival(
                    time: entry.time, terms: WaitingTerms(entry, in: cluster.configuration), tasks: entry.tasks)
            })
        foreseen.record = cluster.forecasts
        for job in cluster.jobs.values {
            for task in job.active > 0 ? Array(job.tasks.values) : [] {
                guard case .stopping(let attempt, let reason, _) = task.state, reason.runsAgain else { continue }
                foreseen.comingBack.insert(attempt.id)
            }
            guard !job.isHeld, job.waitsFor.isEmpty, job.failedDependency == nil, job.hasWaitingTasks else { continue }
            let arrivals = Self.arrivals(of: job, at: now)
            foreseen.arrivals += arrivals
            if let deadline = job.specification.deadline {
                foreseen.departures.append(.init(time: deadline, job: job.id))
            }
            let counted = arrivals.reduce(planner.waitingTasks(of: job.id)) { $0 + $1.tasks }
            if job.specification.array?.parallel != nil, counted < job.waitingCount {
                foreseen.followers[job.id] = job.waitingCount - counted
            }
        }
        foreseen.arrivals.sort { ($0.time, $0.job, $0.tasks) < ($1.time, $1.job, $1.tasks) }
        foreseen.departures.sort { ($0.time, $0.job) < ($1.time, $1.job) }
        return foreseen
    }

    /// Tasks that are not in line yet and get there as time passes.
    private static func arrivals(of job: Job, at now: Timestamp) -> [Foreseen.Arrival] {
        let room = max(0, (job.specification.array?.parallel ?? .max) - job.holding)
        if let begin = job.specification.begin, begin > now {
            let tasks = min(job.waitingCount, room)
            return tasks > 0 ? [Foreseen.Arrival(time: begin, job: job.id, tasks: tasks)] : []
        }
        guard job.waitingAgain > 0 else { return [] }
        let retries = job.tasks.values.compactMap { task -> Timestamp? in
            guard case .waiting(let notBefore?) = task.state, notBefore > now else { return nil }
            return notBefore
        }
        // Those that are ready take the room that there is first.
        let left = max(0, room - (job.waitingCount - retries.count))
        return retries.sorted().prefix(left).map { Foreseen.Arrival(time: $0, job: job.id, tasks: 1) }
    }

    /// What a waiting job's place in line comes from, and how many jobs stand before it; nil where it is not in line.
    public mutating func place(of job: Job.ID, in cluster: Cluster, at now: Timestamp)
        -> (priority: JobPriority, jobsAhead: Int)?
    {
        follow(cluster, at: now)
        let facts = PlanningFacts(cluster)
        guard let priority = planner.priority(of: job, facts, at: now) else { return nil }
        return (priority, planner.jobsAhead(of: job, facts, at: now))
    }
}
