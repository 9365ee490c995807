import BerthJournal
import BerthModel
import BerthScheduling
import Testing

@Suite struct CalibrationTests {
    @Test func `a start counts as it was predicted, and who waits yet has missed the bands that are over`() async throws
    {
        var site = try await Site()
        let first = try await site.submittedWide()
        let attempt = try await site.running(first)
        let second = try await site.submittedWide()
        try await site.record(.foreseen(job: second, WaitForecast(draws: [1800, 3600, 7200], at: site.now)))
        site.wait(.seconds(3600))
        try await site.exited(attempt)
        _ = try await site.running(second)
        _ = try await site.submittedWide()
        // Neither has anything to be compared with: it is cancelled early, or held.
        let cancelled = try await site.submittedWide()
        _ = try await site.submitted { $0.isHeld = true }
        site.wait(.seconds(60))
        try await site.cancelled(cancelled)

        let early = try site.journal.past.calibration(jobs: 10)
        #expect(early.jobs == 1)
        #expect(early.coverage == [50: 1, 80: 1, 95: 1])

        site.wait(.seconds(86_400))
        _ = try await site.submitted { $0.isHeld = true }
        let late = try site.journal.past.calibration(jobs: 10)
        #expect(late.jobs == 2)
        #expect(late.coverage == [50: 0.5, 80: 0.5, 95: 0.5])
        #expect(try site.journal.past.calibration(jobs: 1).jobs == 0)

        #expect(try site.journal.replay().cluster == site.cluster)
        #expect(site.cluster.forecasts.outcomes == 1)
        try site.expectsNoFault()
    }
}

extension Site {
    /// A job as wide as its node, and expected to run for an hour.
    fileprivate mutating func submittedWide() async throws -> Job.ID {
        try await submitted {
            $0.resources.cpus = 8
            $0.expectedTime = .seconds(3600)
        }
    }
}
