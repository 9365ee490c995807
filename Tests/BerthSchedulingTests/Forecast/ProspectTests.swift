import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

struct ProspectTests {
    /// Plans and lets every attempt end after exactly as long as was expected.
    ///
    /// - Returns: when `job` starts.
    private func start(of job: Job.ID, in cluster: Cluster, at start: Timestamp) throws -> Timestamp? {
        var cluster = cluster
        var now = start
        while true {
            for start in plan(cluster, at: now).starts {
                try cluster.apply(.started(start.attempt, start.decision), at: now)
                if start.attempt.id.task.job == job { return now }
            }
            let running = cluster.jobs.values.flatMap { $0.tasks.values.compactMap(\.state.attempt) }
            let ends = running.map { (time: $0.plannedTime + ($0.expectedTime ?? .zero), attempt: $0.id) }
            guard let next = ends.map(\.time).min() else { return nil }
            now = max(now, next)
            for end in ends.sorted(by: { $0.attempt < $1.attempt }) where end.time <= now {
                let outcome = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
                try cluster.apply(
                    .attemptEnded(
                        attempt: end.attempt, AttemptEnd(cause: .exit, exitCode: 0, endTime: now), then: .ended(outcome)
                    ),
                    at: now)
            }
        }
    }

    /// Four GPUs of which one runs for an hour and one for two; a job wants all.
    private func contested() throws -> (site: Site, job: Job.ID) {
        var site = try Site(.machine("a", cores: 8, gibibytes: 64, devices: (0..<4).map { .gpu($0) }))
        for hours in [1, 2] as [Int64] {
            _ = try site.pending(.gpus(1000)) { $0.expectedTime = .seconds(hours * 3600) }
        }
        try site.settle()
        let job = try site.pending(.gpus(4000)) {
            $0.resources.memoryBytes = 32 << 30
            $0.expectedTime = .seconds(600)
        }
        return (site, job)
    }

    @Test func `fewer GPUs start a job earlier, the least change for each date, and never more than five`() throws {
        let (site, job) = try contested()
        var planner = ClusterPlanner(site.cluster)
        let prospect = planner.prospect(of: try #require(site.cluster.jobs[job]), in: site.cluster, at: .epoch)

        #expect(prospect.prediction.start == .epoch + .seconds(7200))
        #expect(prospect.alternatives.map(\.change.option) == ["--gpus 2", "--gpus 3"])
        #expect(prospect.alternatives.map(\.start) == [.epoch, .epoch + .seconds(3600)])
        #expect(prospect.priority?.tier == site.cluster.configuration.queue("batch")?.tier)
        #expect(prospect.jobsAhead == 0)
    }

    @Test(arguments: 0..<25 as Range<UInt64>)
    func `a date that is told holds when the change is made`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var site = try Site(
            .machine("a", cores: 8, gibibytes: 64, devices: (0..<4).map { .gpu($0) }),
            .machine("b", numaNodes: 2, cores: 4, gibibytes: 16))
        var last: Job.ID?
        for _ in 0..<14 {
            var request = ResourceRequest(
                cpus: Int.random(in: 1...8, using: &random), memoryBytes: Int64.random(in: 1...16, using: &random) << 30
            )
            if Bool.random(using: &random) { request.gpus = GPURequest(thousandths: 3000) }
            let seconds = Int64.random(in: 60...7200, using: &random)
            last = try site.pending(request) { $0.expectedTime = .seconds(seconds) }
        }
        try site.settle()
        let job = try #require(last.flatMap { site.cluster.jobs[$0] })
        guard job.hasWaitingTasks else { return }
        let now = Timestamp.epoch + .seconds(30)
        var planner = ClusterPlanner(site.cluster)
        let prospect = planner.prospect(of: job, in: site.cluster, at: now)
        #expect(prospect.prediction.undisturbed == (try start(of: job.id, in: site.cluster, at: now)))
        for alternative in prospect.alternatives {
            #expect(prospect.prediction.undisturbed.map { alternative.start < $0 } ?? true)
            var other = site.cluster
            let cancelled = Outcome(state: .cancelled, reason: .cancelled)
            try other.apply(.tasksEnded(job: job.id, tasks: job.untouched, cancelled, by: "ada"), at: now)
            var submission = job.submission
            submission.id = other.nextJob
            submission.submitTime = now
            submission.specification = alternative.change.specification
            try other.apply(.submitted(submission), at: now)
            let start = try start(of: submission.id, in: other, at: now)
            #expect(start == alternative.start, "\(alternative.change.option)")
        }
    }

    @Test func `a held job starts never by itself, and nothing is suggested to it`() throws {
        var site = try Site(.machine("a"))
        let job = try site.pending(.cores(1)) { $0.isHeld = true }
        var planner = ClusterPlanner(site.cluster)
        let prospect = planner.prospect(of: try #require(site.cluster.jobs[job]), in: site.cluster, at: .epoch)
        #expect(prospect.prediction.start == nil)
        #expect(prospect.alternatives.isEmpty)
        #expect(prospect.priority == nil)
    }

    @Test func `an array's tasks follow one another`() throws {
        var site = try Site(.machine("a", cores: 4))
        let array = try site.pending(.cores(4)) {
            $0.array = ArraySpecification(indices: IndexRanges(0..<3), parallel: 1)
            $0.expectedTime = .seconds(600)
        }
        try site.settle()
        let other = try site.pending(.cores(4)) { $0.expectedTime = .seconds(60) }
        var planner = ClusterPlanner(site.cluster)
        let course = planner.forecast(site.cluster, at: .epoch).expectedCourse()
        #expect(course.starts[array] == (try start(of: array, in: site.cluster, at: .epoch)))
        #expect(course.starts[other] == (try start(of: other, in: site.cluster, at: .epoch)))
    }
}
