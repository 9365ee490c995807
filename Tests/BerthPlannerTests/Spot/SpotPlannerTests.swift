import BerthPlanner
import Testing

struct SpotPlannerTests {
    /// Ten hours of work, two of slack, ten minutes between looks.
    private let job = DeadlineJob(workSeconds: 36_000, remainingSeconds: 43_200, changeoverSeconds: 720)

    private func planner(knowing seen: [(Bool, hours: Int)] = []) -> SpotPlanner {
        var forecast = SpotForecast()
        for (available, hours) in seen {
            for _ in 0..<(6 * hours) { forecast.observe(available: available, after: 600) }
        }
        return SpotPlanner(for: job, forecast: forecast, lookSeconds: 600)
    }

    @Test func `spot capacity that has been there for hours is taken`() {
        let planner = planner(knowing: [(true, hours: 5)])
        #expect(planner.decide(job) == .spot)
    }

    @Test func `spot capacity that is not there is never chosen`() {
        let planner = planner(knowing: [(false, hours: 1)])
        #expect(planner.decide(job) != .spot)
    }

    @Test func `a job waits through an absence that has just begun, and not through a long one`() {
        var planner = planner(knowing: [(true, hours: 6)])
        planner.observe(available: false, after: 600)
        #expect(planner.decide(job) == .idle)
        for _ in 0..<72 { planner.observe(available: false, after: 600) }
        #expect(planner.decide(job) == .onDemand)
    }

    @Test func `without slack for another changeover, on-demand is kept`() {
        var late = job
        late.remainingSeconds = late.workSeconds + 1_000
        late.holding = .onDemand
        #expect(planner(knowing: [(true, hours: 5)]).decide(late) == .onDemand)
    }

    @Test func `running spot capacity is kept even when no slack is left but the changeover`() {
        var late = job
        late.remainingSeconds = late.workSeconds + 720
        late.holding = .spot
        #expect(late.isSafe(.spot, for: 600))
        #expect(planner(knowing: [(true, hours: 5)]).decide(late) == .spot)
        late.startingSeconds = 60
        #expect(!late.isSafe(.spot, for: 600))
    }
}
