import BerthModel
import BerthPlanner

extension Scene {
    /// A forecast that is told what the scene knows of its jobs.
    func forecast(_ bounds: ForecastBounds = ForecastBounds()) -> Forecast {
        let known = jobs.mapValues { Foreseen.KnownJob(submitTime: $0.submitTime, terms: $0.terms) }
        return Forecast(planner, PlanningFacts(), Foreseen { known[$0] }, at: now, bounds)
    }

    /// Carries out plans and lets attempts end after `runTime`, until nothing runs any more.
    ///
    /// - Returns: when each job that waited has started.
    mutating func played(runTime: (RunningAttempt) -> Duration) -> [Job.ID: Timestamp] {
        var starts: [Job.ID: Timestamp] = [:]
        while true {
            let plan = plan()
            carryOut(plan)
            for start in plan.starts where starts[start.job] == nil { starts[start.job] = now }
            let ends = attempts.map { (time: $0.startTime + runTime($0), id: $0.id) }
            guard let next = ends.map(\.time).min() else { return starts }
            now = max(now, next)
            for end in ends where end.time <= now { self.end(end.id) }
        }
    }
}
