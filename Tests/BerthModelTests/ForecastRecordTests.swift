import BerthModel
import Foundation
import Testing

/// What becomes of forecasts, told by the events of their jobs.
@Suite struct ForecastRecordTests {
    private struct Scene {
        private(set) var site: Site
        var now = Timestamp.epoch
        private(set) var events: [(ClusterEvent, Timestamp)] = []
        var record: ForecastRecord { site.cluster.forecasts }

        init() throws { site = try Site() }

        mutating func apply(_ event: ClusterEvent) throws {
            try site.apply(event, at: now)
            events.append((event, now))
        }

        /// That a job starts in an hour, or in about half or twice that.
        func forecast() -> WaitForecast {
            WaitForecast(draws: (0..<39).map { 3600 * pow(2, Double($0 - 19) / 10) }, at: now)
        }

        /// A job of which something is foreseen.
        mutating func foreseen() throws -> Job.ID {
            let job = site.cluster.nextJob
            try apply(.submitted(.plain(job, at: now)))
            try apply(.foreseen(job: job, forecast()))
            return job
        }

        mutating func start(_ job: Job.ID, after seconds: Double) throws {
            now = now + .seconds(seconds)
            let attempt = site.attempt(job)
            try apply(.started(attempt, .none))
            try apply(.attemptEnded(attempt: attempt.id, .exit(0), then: .ended(.plain(.succeeded))))
        }

        mutating func cancel(_ job: Job.ID, after seconds: Double) throws {
            now = now + .seconds(seconds)
            let outcome = Outcome(state: .cancelled, reason: .cancelled)
            try apply(.tasksEnded(job: job, tasks: IndexRanges(0..<1), outcome, by: "ada"))
        }

        func range(_ percent: Int) -> ClosedRange<Double> { record.range(percent: percent, at: now) }
    }

    @Test func `with nothing seen yet bands are what was drawn, a little wider, one in the other`() throws {
        let record = ForecastRecord()
        for (percent, drawn) in [(50, 0.674), (80, 1.282), (95, 1.959)] {
            let range = record.range(percent: percent, at: .epoch)
            #expect((drawn..<drawn + 0.2).contains(range.upperBound) && range.lowerBound == -range.upperBound)
        }
        #expect(record.range(percent: -5, at: .epoch) == record.range(percent: 0, at: .epoch))
        #expect(record.range(percent: 500, at: .epoch) == record.range(percent: 100, at: .epoch))
    }

    @Test func `where jobs start later than was foreseen bands reach later, and no earlier than it takes`() throws {
        var scene = try Scene()
        for _ in 0..<200 { try scene.start(try scene.foreseen(), after: 3 * 3600) }
        #expect(scene.record.outcomes == 200)
        let score = scene.forecast().score(of: .seconds(3 * 3600))
        for percent in [50, 80, 95] {
            let range = scene.range(percent)
            #expect(range.contains(score))
            // Two hundred like starts, and yet it is not sure to the second.
            #expect(range.upperBound - range.lowerBound > 0.3)
        }
        #expect(scene.range(50).lowerBound > 1)
        #expect(scene.range(95).lowerBound <= scene.range(80).lowerBound)
        #expect(scene.range(80).upperBound <= scene.range(95).upperBound)
    }

    @Test func `a job that still waits counts as soon as it is late, and once`() throws {
        var scene = try Scene()
        let late = try (0..<30).map { _ in try scene.foreseen() }
        scene.now = scene.now + .seconds(3600)
        #expect(scene.range(80) == ForecastRecord().range(percent: 80, at: scene.now), "nothing is known of them yet")
        scene.now = scene.now + .seconds(9 * 3600)
        let waiting = scene.range(80)
        #expect(waiting.upperBound > 3)
        #expect(scene.record.outcomes == 0)
        for job in late { try scene.start(job, after: 0) }
        #expect(scene.record.outcomes == 30)
        #expect(scene.range(80) == waiting)
    }

    @Test func `a job that is cancelled or held counts only where it was late`() throws {
        var scene = try Scene()
        try scene.cancel(try scene.foreseen(), after: 60)
        try scene.apply(.held(job: try scene.foreseen(), by: "ada"))
        #expect(scene.record == ForecastRecord())
        try scene.cancel(try scene.foreseen(), after: 10 * 3600)
        let held = try scene.foreseen()
        scene.now = scene.now + .seconds(10 * 3600)
        try scene.apply(.held(job: held, by: "ada"))
        try scene.cancel(held, after: 3600)
        #expect(scene.record.outcomes == 2)
    }

    @Test func `of a job that has started, or is not there, nothing can be foreseen`() throws {
        var scene = try Scene()
        let job = try scene.foreseen()
        try scene.start(job, after: 5)
        let forecast = WaitForecast(draws: [1], at: scene.now)
        #expect(throws: IllegalTransition.self) { try scene.apply(.foreseen(job: job, forecast)) }
        let array = scene.site.cluster.nextJob
        try scene.apply(.submitted(.plain(array, tasks: 2, at: scene.now)))
        try scene.apply(.started(scene.site.attempt(array, 0), .none))
        #expect(throws: IllegalTransition.self) { try scene.apply(.foreseen(job: array, forecast)) }
    }

    @Test func `the record is bounded, and what is forgotten has counted where it was late`() throws {
        var scene = try Scene()
        for _ in 0..<ForecastRecord.mostOpen + 10 {
            _ = try scene.foreseen()
            scene.now = scene.now + .seconds(3600)
        }
        #expect(scene.record.outcomes == 10)
        for _ in 0..<ForecastRecord.kept + 10 { try scene.start(try scene.foreseen(), after: 3600) }
        #expect(scene.record.outcomes == ForecastRecord.kept)
        #expect(try JSONEncoder().encode(scene.record).count < 100_000)
    }

    @Test func `a restart knows all of it, from the events and from a snapshot`() throws {
        var scene = try Scene()
        for seconds in [60, 600, 6000, 60_000] as [Double] { try scene.start(try scene.foreseen(), after: seconds) }
        _ = try scene.foreseen()
        var replayed = try Site().cluster
        for (event, time) in scene.events {
            let read = try JSONDecoder().decode(ClusterEvent.self, from: JSONEncoder().encode(event))
            try replayed.apply(read, at: time)
        }
        #expect(replayed == scene.site.cluster)
        let snapshot = try JSONDecoder().decode(Cluster.self, from: JSONEncoder().encode(scene.site.cluster))
        #expect(snapshot.forecasts == scene.record && snapshot.submissions == scene.site.cluster.submissions)
        #expect(snapshot.forecasts.outcomes == 4)
    }
}
