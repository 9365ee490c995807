import BerthModel
import BerthPlanner
import Testing

struct RunTimeEstimatorTests {
    private let job = RunTimeEstimator.Features(user: "ada", width: 4, requestedSeconds: 3_600)

    @Test func `who has never been seen is believed`() {
        let estimate = RunTimeEstimator().estimate(job)
        #expect(estimate.meanSeconds == 3_600)
        #expect(estimate.quantileSeconds(0.5) == 3_600)
    }

    @Test func `likes that ended early pull the estimate down`() {
        var estimator = RunTimeEstimator()
        for _ in 0..<8 { estimator.observe(job, ranSeconds: 60) }
        let estimate = estimator.estimate(job)
        #expect(estimate.quantileSeconds(0.5) == 60)
        #expect(estimate.meanSeconds < 300)
        #expect(estimate.meanSeconds > 60)
    }

    @Test func `a job that outlives its likes is believed to take what it asked for`() {
        var estimator = RunTimeEstimator()
        for _ in 0..<8 { estimator.observe(job, ranSeconds: 60) }
        let estimate = estimator.estimate(job)
        #expect(estimate.quantileSeconds(0.5, afterRunning: 30) == 60)
        #expect(estimate.quantileSeconds(0.5, afterRunning: 61) == 3_600)
    }

    @Test func `quantiles rise and stay within the request`() {
        var estimator = RunTimeEstimator()
        for seconds in [10.0, 100, 1_000, 2_000, 9_999] { estimator.observe(job, ranSeconds: seconds) }
        let estimate = estimator.estimate(job)
        let quantiles = [0.5, 0.8, 0.95].map { estimate.quantileSeconds($0) }
        #expect(quantiles == quantiles.sorted())
        #expect(quantiles.allSatisfy { $0 <= 3_600 })
    }

    @Test func `what is kept stays bounded`() {
        var setting = RunTimeEstimator.Setting()
        setting.keyLimit = 50
        var estimator = RunTimeEstimator(setting)
        for user in 0..<1_000 {
            estimator.observe(.init(user: "\(user)", width: 1, requestedSeconds: 100), ranSeconds: 50)
            #expect(estimator.keyCount <= 50)
        }
        #expect(estimator.estimate(job).meanSeconds < 3_600, "What everybody does is remembered.")
    }

    @Test func `a job that may end at once is urgent, whatever its mean`() {
        let risky = RunTimeEstimate(
            [.init(seconds: 5, weight: 1), .init(seconds: 1_995, weight: 1)], requestedSeconds: 3_600)
        let steady = RunTimeEstimate(exactSeconds: 1_000)
        #expect(risky.meanSeconds == steady.meanSeconds)
        let score = { QueueScore($0, width: 1).secondsToTurn(waitedSeconds: 0, patienceSeconds: 100_000) }
        #expect(score(risky) < score(steady))
    }
}
