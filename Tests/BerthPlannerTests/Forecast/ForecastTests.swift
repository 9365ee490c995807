import BerthModel
import BerthPlanner
import Testing

struct ForecastTests {
    /// A busy cluster; a job's time is what `times` makes of a random number of seconds.
    private func busy(
        seed: UInt64, jobs: Int = 40, _ times: (Duration) -> (expected: Duration?, limit: Duration?)
    ) throws -> Scene {
        var random = SeededGenerator(seed: seed)
        var scene = Scene()
        for number in 0..<Int.random(in: 1...3, using: &random) {
            try scene.join(.machine(NodeName("n\(number)"), cores: 4))
        }
        for _ in 0..<jobs {
            let (expected, limit) = times(.seconds(Int64.random(in: 60...7200, using: &random)))
            let request = ResourceRequest(
                cpus: Int.random(in: 1...4, using: &random), memoryBytes: Int64.random(in: 1...16, using: &random) << 30
            )
            scene.submit(.plain(request, expected: expected, limit: limit))
            scene.now = scene.now + .seconds(Int64.random(in: 0...30, using: &random))
        }
        scene.carryOut(scene.plan())
        scene.now = scene.now + .seconds(10)
        return scene
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `where run times are known exactly, every start is predicted to the microsecond`(seed: UInt64) throws {
        var scene = try busy(seed: seed) { ($0, $0 + .seconds(600)) }
        let predicted = scene.forecast().expectedCourse()
        let actual = scene.played { $0.expectedTime ?? .zero }
        #expect(!predicted.isCut)
        #expect(predicted.starts == actual)
    }

    @Test func `the prediction names the job whose end lets it start, and the bands hold it`() throws {
        var scene = Scene()
        try scene.join(.machine("a", cores: 4))
        let first = scene.submit(.plain(.init(cpus: 4), expected: .seconds(600), limit: .seconds(1200)))
        scene.carryOut(scene.plan())
        let second = scene.submit(.plain(.init(cpus: 4), expected: .seconds(600)))
        let third = scene.submit(.plain(.init(cpus: 4), expected: .seconds(600)))

        let prediction = scene.forecast().start(of: third)

        #expect(scene.forecast().start(of: second).behind == first)
        #expect(prediction.start == scene.now + .seconds(1200))
        #expect(prediction.behind == second)
        #expect(prediction.bands.map(\.percent) == [50, 80, 95])
        for (inner, outer) in zip(prediction.bands, prediction.bands.dropFirst()) {
            let (from, to) = (try #require(inner.from), try #require(inner.to))
            #expect(inner.contains(scene.now + .seconds(1200)))
            #expect(outer.contains(from) && outer.contains(to))
            #expect(from < to)
        }
    }

    @Test func `nine in ten starts and more fall into the 95 % band`() throws {
        var hits = 0
        let seeds = 0..<60 as Range<UInt64>
        for seed in seeds {
            var scene = try busy(seed: seed, jobs: 20) { (nil, $0) }
            guard let job = scene.waitingJobs.last else { continue }
            let band = try #require(scene.forecast().start(of: job).bands.last)
            let starts = scene.played { attempt in
                var random = SeededGenerator(seed: attempt.id.task.job.number &* 977 &+ seed)
                let limit = attempt.timeLimit ?? .zero
                // Every magnitude from a tenth of the limit is as likely; what runs already has run ten seconds.
                let parts: [Double] = [0.1, 0.13, 0.18, 0.24, 0.32, 0.42, 0.56, 0.75, 0.99]
                let part = parts.randomElement(using: &random) ?? 1
                return max(.seconds(10), .microseconds(Int64(limit.inSeconds * part * 1_000_000)))
            }
            if band.contains(try #require(starts[job])) { hits += 1 }
        }
        #expect(hits * 10 >= seeds.count * 9, "\(hits) of \(seeds.count)")
    }

    @Test func `a begin that comes puts a job in line, and a hold is never over by itself`() throws {
        var scene = Scene()
        try scene.join(.machine("a", cores: 4))
        let later = scene.submit(.plain(expected: .seconds(60)))
        let held = scene.submit(.plain(expected: .seconds(60)))
        let known = scene.jobs.mapValues { Foreseen.KnownJob(submitTime: $0.submitTime, terms: $0.terms) }
        scene.withdraw(later)
        scene.withdraw(held)
        var foreseen = Foreseen { known[$0] }
        foreseen.arrivals = [.init(time: scene.now + .seconds(500), job: later, tasks: 1)]

        let forecast = Forecast(scene.planner, PlanningFacts(), foreseen, at: scene.now)

        #expect(forecast.start(of: later).start == scene.now + .seconds(500))
        #expect(forecast.start(of: held).start == nil)
    }

    @Test func `a forecast stops at its bound on work and says so`() throws {
        let scene = try busy(seed: 1, jobs: 400) { ($0, nil) }
        let last = try #require(scene.waitingJobs.last)
        var bounds = ForecastBounds()
        bounds.ends = 3
        let prediction = scene.forecast(bounds).start(of: last)
        #expect(prediction.start == nil)
        #expect(prediction.isCut)
        #expect(prediction.bands.isEmpty)
    }

    @Test func `a job that is stopped for another comes back in line`() throws {
        var scene = Scene(
            ClusterConfiguration(queues: [
                Queue(name: "urgent", tier: 9), Queue(name: "spot", tier: 1, isPreemptible: true),
            ]))
        try scene.join(.machine("a", cores: 4))
        let spot = scene.submit(.plain(.init(cpus: 4), queue: "spot", expected: .seconds(3600)))
        scene.carryOut(scene.plan())
        let urgent = scene.submit(.plain(.init(cpus: 4), queue: "urgent", expected: .seconds(600)))
        let last = scene.submit(.plain(.init(cpus: 4), queue: "spot", expected: .seconds(60)))

        let course = scene.forecast().expectedCourse()

        let start = try #require(course.starts[urgent])
        #expect(start - scene.now <= .seconds(60))
        #expect(course.preemptions.flatMap(\.victims).map(\.task.job) == [spot])
        #expect(course.starts[spot] == start + .seconds(600))
        #expect(course.starts[last] == start + .seconds(4200))
    }
}
