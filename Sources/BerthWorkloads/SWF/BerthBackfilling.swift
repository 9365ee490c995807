import BerthModel
import BerthPlanner

/// Berth's own policy on a log: `BackfillPass` once an instant, with order and expectations from learned run times.
///
/// It sees what a scheduler sees: user, width, request and submission of each job, and run times of ended jobs alone.
struct BerthBackfilling: SWFScheduler {
    /// What jobs ask for, or their run times where users know these.
    let believed: [Int]
    let estimates: SWFEstimates
    private var estimator = RunTimeEstimator()
    private var load = OfferedLoad()
    private var queue: [Waiting] = []
    /// Run time times width that each job was taken for when it came.
    private var expectedWork: [Double]
    /// How long each job is expected to run; from its start on as it was expected then.
    private var expected: [Int]

    private struct Waiting: Sendable {
        var job: Int
        var score: QueueScore
        var patienceSeconds: Double
    }

    init(believed: [Int], estimates: SWFEstimates) {
        self.believed = believed
        self.estimates = estimates
        expectedWork = Array(repeating: 0, count: believed.count)
        expected = believed
    }

    mutating func submitted(_ job: Int, in pool: inout SWFPool) {
        let score = score(of: job, in: pool)
        expectedWork[job] = score.area
        load.arrived(work: score.area, capacity: Double(pool.processors), at: Double(pool.nowSeconds))
        queue.append(Waiting(job: job, score: score, patienceSeconds: Patience.seconds(load: load.value)))
    }

    mutating func ended(_ job: Int, in pool: inout SWFPool) {
        guard estimates == .requested else { return }
        let work = Double(pool.jobs[job].runSeconds) * Double(pool.jobs[job].width)
        load.corrected(work: work - expectedWork[job], capacity: Double(pool.processors))
        estimator.observe(features(of: job, in: pool), ranSeconds: Double(pool.jobs[job].runSeconds))
        for index in queue.indices where pool.jobs[queue[index].job].user == pool.jobs[job].user {
            queue[index].score = score(of: queue[index].job, in: pool)
        }
    }

    mutating func settled(in pool: inout SWFPool) {
        let free = pool.free
        guard queue.contains(where: { pool.jobs[$0.job].width <= free }) else { return }
        let candidates = queue.map { candidate($0, in: pool) }
        let starts = BackfillPass(candidates, in: profile(of: pool), at: pool.nowSeconds).starts
        for job in starts { pool.start(job, believedSeconds: believed[job]) }
        if !starts.isEmpty { queue.removeAll { pool.starts[$0.job] != nil } }
    }

    private func candidate(_ waiting: Waiting, in pool: SWFPool) -> BackfillPass.Candidate {
        let job = pool.jobs[waiting.job]
        let waited = Double(pool.nowSeconds - job.submitSeconds)
        return BackfillPass.Candidate(
            id: waiting.job, width: job.width, expected: expected[waiting.job],
            score: waiting.score.secondsToTurn(waitedSeconds: waited, patienceSeconds: waiting.patienceSeconds))
    }

    /// What is expected to be free from now on. What runs longer than expected is expected to run twice as long, again
    /// and again, but not beyond its request.
    private func profile(of pool: SWFPool) -> AvailabilityProfile {
        pool.profile { job, start in
            var span = max(1, expected[job])
            while start + span <= pool.nowSeconds { span *= 2 }
            return start + min(span, believed[job])
        }
    }

    /// Learns what is to be expected of a job that waits.
    private mutating func score(of job: Int, in pool: SWFPool) -> QueueScore {
        let estimate: RunTimeEstimate
        switch estimates {
        case .requested:
            estimate = estimator.estimate(features(of: job, in: pool))
            let seconds = estimator.expectedSeconds(of: features(of: job, in: pool), estimate)
            expected[job] = seconds.map { max(1, min(Int($0.rounded(.up)), believed[job])) } ?? believed[job]
        case .exact: estimate = RunTimeEstimate(exactSeconds: Double(believed[job]))
        }
        return QueueScore(estimate, width: pool.jobs[job].width)
    }

    private func features(of job: Int, in pool: SWFPool) -> RunTimeEstimator.Features {
        let job = pool.jobs[job]
        return RunTimeEstimator.Features(
            user: String(job.user), width: job.width, requestedSeconds: job.requestedSeconds)
    }
}
