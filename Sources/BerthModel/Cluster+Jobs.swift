/// The life of whole jobs: they come, their tasks end without an attempt, and those that have ended are forgotten.
extension Cluster {
    mutating func insert(_ submission: Submission, _ event: ClusterEvent, at time: Timestamp)
        throws(IllegalTransition)
    {
        let job = Job(submission)
        try require(jobs[job.id] == nil, event, "job \(job.id) exists already")
        jobs[job.id] = job
        families.join(job.id, job.family, at: time)
        if !job.isHeld { try putOnProbation(job.id, event, at: time) }
        for dependency in job.waitsFor { dependents[dependency.job, default: []].insert(job.id) }
        if nextJob <= job.id { nextJob = job.id.next }
        requests.observe(job.specification.resources)
        submissions.observe(submission, at: time)
    }

    mutating func foresee(_ id: Job.ID, _ forecast: WaitForecast, _ event: ClusterEvent)
        throws(IllegalTransition)
    {
        try require(jobs[id] != nil, event, "there is no job \(id) that has not ended")
        try require(jobs[id]?.hasStarted == false, event, "job \(id) has started")
        forecasts.expect(id, forecast)
    }

    mutating func end(
        _ id: Job.ID, _ tasks: IndexRanges, _ outcome: Outcome, _ event: ClusterEvent, at time: Timestamp
    ) throws(IllegalTransition) {
        guard let job = jobs[id] else {
            throw IllegalTransition(event: event.name, problem: "there is no job \(id) that has not ended")
        }
        let again = tasks.filter { job.tasks[$0] != nil }
        for index in again where job.tasks[index]?.state.attempt != nil {
            throw IllegalTransition(event: event.name, problem: "task \(job.taskID(index)) holds resources")
        }
        let isAll = tasks == job.untouched
        for index in isAll ? [] : tasks.filter({ job.tasks[$0] == nil }) where !job.untouched.contains(index) {
            throw IllegalTransition(event: event.name, problem: "task \(job.taskID(index)) does not wait")
        }
        try existing(id, event) { job in
            job.ended.count(outcome.state, tasks.count)
            if isAll {
                job.untouched = IndexRanges()
            } else {
                for index in tasks { job.untouched.remove(index) }
            }
            for index in again { job.tasks[index] = nil }
            job.waitingAgain -= again.count
        }
        if let job = jobs[id] { retire(job, at: time) }
    }

    /// Forgets a job whose tasks have all ended, and tells those that wait for it.
    mutating func retire(_ job: Job, at time: Timestamp) {
        guard !job.hasWaitingTasks, job.active == 0 else { return }
        jobs[job.id] = nil
        forecasts.withdraw(job.id, at: time)
        families.leave(job.id, job.family, at: time)
        hopeless.remove(job.id)
        for dependency in job.waitsFor { dependents[dependency.job]?.remove(job.id) }
        let state = job.ended.state
        resolve(job.id) { condition in
            switch condition {
            case .succeeded: state == .succeeded
            case .failed: state == .failed || state == .timedOut
            case .ended: true
            case .started: job.hasStarted
            }
        }
        for id in dependents.removeValue(forKey: job.id) ?? [] {
            guard var waiting = jobs.removeValue(forKey: id) else { continue }
            waiting.failedDependency = waiting.failedDependency ?? waiting.waitsFor.first { $0.job == job.id }
            if waiting.failedDependency != nil { hopeless.insert(id) }
            jobs[id] = waiting
        }
    }

    /// Strikes out the dependencies on `job` that are met now.
    mutating func resolve(_ job: Job.ID, where isMet: (Dependency.Condition) -> Bool) {
        for id in dependents[job] ?? [] {
            guard var waiting = jobs.removeValue(forKey: id) else { continue }
            waiting.waitsFor.removeAll { $0.job == job && isMet($0.condition) }
            jobs[id] = waiting
            if !waiting.waitsFor.contains(where: { $0.job == job }) { dependents[job]?.remove(id) }
        }
        if dependents[job]?.isEmpty == true { dependents[job] = nil }
    }
}
