public import BerthModel

/// What becomes of waiting jobs, worked out on copies of the planner in virtual time. What it is made from is not
/// changed.
///
/// Deterministic: the same planner, facts and time give the same answer.
///
/// Source: predicting start times by simulating the scheduler on run time estimates, Smith, Taylor and Foster, JSSPP
/// 1999; the bands from drawn run times and arrivals are ours.
public struct Forecast: Sendable {
    private let planner: Planner
    private let facts: PlanningFacts
    private let foreseen: Foreseen
    private let now: Timestamp
    private let bounds: ForecastBounds

    /// - Parameter planner: told of all that is true at `now`.
    public init(
        _ planner: Planner, _ facts: PlanningFacts, _ foreseen: Foreseen, at now: Timestamp,
        _ bounds: ForecastBounds = ForecastBounds()
    ) {
        self.planner = planner
        self.facts = facts
        self.foreseen = foreseen
        self.now = now
        self.bounds = bounds
    }

    private func course(_ planner: Planner, _ foreseen: Foreseen, draw: Int? = nil) -> Course {
        Course(planner, facts, foreseen, at: now, draw: draw, bounds)
    }

    /// Whether a job can start without anybody's doing anything about it: no hold, no dependency keeps it.
    private func canStart(_ job: Job.ID) -> Bool {
        planner.waitingTasks(of: job) > 0 || foreseen.arrivals.contains { $0.job == job }
            || foreseen.followers[job, default: 0] > 0
    }

    /// When the next of a job's tasks starts.
    ///
    /// - Complexity: no more than `bounds.steps` steps, and a copy of the planner for each course.
    public func start(of job: Job.ID) -> StartPrediction {
        guard canStart(job) else { return StartPrediction(start: nil) }
        var expected = course(planner, foreseen)
        expected.run(awaiting: [job])
        // What does not start when nobody else comes waits for something that is not foreseen.
        guard let start = expected.starts[job] else { return StartPrediction(start: nil, isCut: expected.isCut) }
        var prediction = StartPrediction(start: start.time, behind: start.after)
        if let wait = wait(of: job, steps: bounds.steps - expected.steps) {
            prediction.add(wait, foreseen.record, at: now, horizon: now + bounds.horizon)
        }
        return prediction
    }

    /// How long the job waits in drawn courses; nil where too few could be looked at.
    private func wait(of job: Job.ID, steps: Int) -> WaitForecast? {
        let stepLimit = steps / Self.fewestCourses
        var steps = steps
        var waits: [Double] = []
        var cutCount = 0
        // Where the first few are all cut, so would the others be.
        for draw in 0..<bounds.courses where steps > 0 && (cutCount < Self.fewestCourses / 2 || cutCount < draw) {
            var course = course(planner, foreseen, draw: draw)
            course.run(awaiting: [job], stepLimit: stepLimit)
            steps -= course.steps
            // From where a course was cut the job may start at once: it says that much, and no more.
            let start = course.starts[job]?.time ?? (course.isCut ? course.now : now + bounds.horizon)
            waits.append((start - now).inSeconds)
            if course.isCut { cutCount += 1 }
        }
        return waits.count - cutCount < Self.fewestCourses ? nil : WaitForecast(draws: waits, at: now)
    }

    /// With fewer courses than this a band would say little.
    private static let fewestCourses = 8

    /// When the job would start, if all goes as expected, were it submitted anew with other terms at this moment.
    ///
    /// - Parameter limit: later starts are of no interest.
    public func start(of job: Job.ID, anewWith terms: WaitingTerms, by limit: Timestamp?) -> Timestamp? {
        guard canStart(job) else { return nil }
        let anew = Foreseen.KnownJob(submitTime: now, terms: terms)
        var foreseen = foreseen
        foreseen.job = { [known = foreseen.job] in $0 == job ? anew : known($0) }
        var planner = planner
        let tasks = planner.waitingTasks(of: job)
        planner.withdraw(job)
        if tasks > 0 { planner.add(tasks, of: job, anew, at: now) }
        var course = course(planner, foreseen)
        course.run(awaiting: [job], until: limit)
        return course.starts[job].flatMap { start in limit.map { start.time <= $0 } ?? true ? start.time : nil }
    }

    /// When each job starts if all goes as expected, and who is stopped for others on the way.
    public func expectedCourse() -> ExpectedCourse {
        var course = course(planner, foreseen)
        let inLine = planner.lines.occupied.flatMap { planner.lines.jobs(of: $0).map(\.id) }
        course.run(awaiting: Set(inLine + foreseen.arrivals.map(\.job) + foreseen.followers.keys))
        return ExpectedCourse(
            starts: course.starts.mapValues(\.time), preemptions: course.preemptions, isCut: course.isCut)
    }
}

/// What happens if all goes as expected.
public struct ExpectedCourse: Sendable {
    /// First starts within the horizon, by job.
    public var starts: [Job.ID: Timestamp]
    public var preemptions: [Plan.Preemption]
    /// Whether a bound on work ended it before its horizon.
    public var isCut: Bool
}
