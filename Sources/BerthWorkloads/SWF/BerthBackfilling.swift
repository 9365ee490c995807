import BerthModel
import BerthPlanner

/// Berth's own policy on a log: `BackfillPass` once an instant, with the order from learned run times.
///
/// It sees what a scheduler sees: user, width, request and submission of each job, and run times of ended jobs alone.
struct BerthBackfilling: SWFScheduler {
    /// What jobs ask for, or their run times where users know these.
    let believed: [Int]
    let estimates: SWFEstimates
    private let patience = Patience()
    private var estimator = RunTimeEstimator()
    private var load = OfferedLoad()
    private var queue: [Waiting] = []
    /// Run time times width that each job was taken for when it came.
    private var expectedWork: [Double]

    private struct Waiting: Sendable {
        var job: Int
        var score: QueueScore
        var patienceSeconds: Double
    }

    init(believed: [Int], estimates: SWFEstimates) {
        self.believed = believed
        self.estimates = estimates
        expectedWork = Array(repeating: 0, count: believed.count)
    }

    mutating func submitted(_ job: Int, in pool: inout SWFPool) {
        let score = score(of: job, in: pool)
        expectedWork[job] = score.area
        load.arrived(work: score.area, capacity: Double(pool.processors), at: Double(pool.nowSeconds))
        let seconds = patience.seconds(requestedSeconds: Double(believed[job]), load: load.value)
        queue.append(Waiting(job: job, score: score, patienceSeconds: seconds))
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
        let starts = BackfillPass(candidates, in: pool.profile(), at: pool.nowSeconds).starts
        for job in starts { pool.start(job, believedSeconds: believed[job]) }
        if !starts.isEmpty { queue.removeAll { pool.starts[$0.job] != nil } }
    }

    private func candidate(_ waiting: Waiting, in pool: SWFPool) -> BackfillPass.Candidate {
        let job = pool.jobs[waiting.job]
        let waited = Double(pool.nowSeconds - job.submitSeconds)
        return BackfillPass.Candidate(
            id: waiting.job, width: job.width, requested: believed[waiting.job],
            due: job.submitSeconds + Int(waiting.patienceSeconds),
            score: waiting.score.value(waitedSeconds: waited, patienceSeconds: waiting.patienceSeconds))
    }

    private func score(of job: Int, in pool: SWFPool) -> QueueScore {
        let estimate =
            switch estimates {
            case .requested: estimator.estimate(features(of: job, in: pool))
            case .exact: RunTimeEstimate(exactSeconds: Double(believed[job]))
            }
        return QueueScore(estimate, width: pool.jobs[job].width)
    }

    private func features(of job: Int, in pool: SWFPool) -> RunTimeEstimator.Features {
        let job = pool.jobs[job]
        return RunTimeEstimator.Features(
            user: String(job.user), width: job.width, requestedSeconds: job.requestedSeconds)
    }
}
