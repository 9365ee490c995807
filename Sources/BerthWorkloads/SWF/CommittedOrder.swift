/// The decision loop of RLScheduler's environment: the job of least priority is committed to, and time passes, with
/// backfilling around its earliest start, until it fits; who arrives meanwhile does not displace it.
///
/// Source: Zhang et al., SC 2020, and its program; figures come out to both published decimals.
struct CommittedOrder {
    let believed: [Int]
    /// Least first.
    private let keys: [Double]
    /// In order of submission.
    private var queue: [Int] = []
    private var next = 0

    init(_ policy: SWFPolicy, jobs: [SWFJob], believed: [Int]) {
        self.believed = believed
        let priority = SWFPriority(policy: policy)
        keys = zip(jobs, believed).map { priority.key($0, believedSeconds: $1) }
    }

    mutating func run(in pool: inout SWFPool) {
        while next < pool.jobs.count || !queue.isEmpty {
            if queue.isEmpty { advance(in: &pool) }
            guard let job = queue.min(by: { isBefore($0, $1, in: pool) }) else { continue }
            if pool.jobs[job].width > freeNow(pool) {
                let shadow = earliestStart(of: job, in: pool)
                while pool.jobs[job].width > freeNow(pool) {
                    backfill(around: job, before: shadow, in: &pool)
                    advance(in: &pool)
                }
            }
            start(job, in: &pool)
        }
    }

    /// Ties go to the earlier submission.
    private func isBefore(_ left: Int, _ right: Int, in pool: SWFPool) -> Bool {
        (keys[left], pool.jobs[left].submitSeconds, left) < (keys[right], pool.jobs[right].submitSeconds, right)
    }

    /// Here a job holds its processors until it does end.
    private func freeNow(_ pool: SWFPool) -> Int {
        pool.running.reduce(pool.processors) { $0 - pool.jobs[$1.job].width }
    }

    /// To the next arrival, when that is not later than the next end; else to that end.
    private mutating func advance(in pool: inout SWFPool) {
        let end = pool.nextEndSeconds ?? Int.max
        if next < pool.jobs.count, pool.jobs[next].submitSeconds <= end {
            pool.advance(to: max(pool.nowSeconds, pool.jobs[next].submitSeconds))
            queue.append(next)
            next += 1
        } else {
            _ = pool.endNext()
        }
    }

    private mutating func backfill(around committed: Int, before shadow: Int, in pool: inout SWFPool) {
        for job in queue where job != committed {
            guard pool.jobs[job].width <= freeNow(pool), pool.nowSeconds + believed[job] < shadow else { continue }
            start(job, in: &pool)
        }
    }

    private func earliestStart(of job: Int, in pool: SWFPool) -> Int {
        var free = freeNow(pool)
        for entry in pool.running {
            free += pool.jobs[entry.job].width
            if free >= pool.jobs[job].width { return entry.believedEnd }
        }
        return pool.nowSeconds
    }

    private mutating func start(_ job: Int, in pool: inout SWFPool) {
        pool.start(job, believedSeconds: believed[job])
        queue.removeAll { $0 == job }
    }
}
