import BerthPlanner

/// Conservative backfilling: each job is promised a start when it is submitted, the earliest that delays nobody; when
/// a job ends early, promises move forward in order of submission.
///
/// Source: Mu'alem and Feitelson, IEEE TPDS 12(6), 2001, section 2.
struct ConservativeBackfilling: SWFScheduler {
    let believed: [Int]
    private var profile: AvailabilityProfile
    /// In order of submission.
    private var queue: [Promise] = []

    private struct Promise: Sendable {
        var job: Int
        var start: Int
    }

    init(processors: Int, believed: [Int]) {
        self.believed = believed
        profile = AvailabilityProfile(capacity: processors, from: 0)
    }

    mutating func submitted(_ job: Int, in pool: inout SWFPool) {
        profile.advance(to: pool.nowSeconds)
        promise(job, in: pool)
        startPromised(in: &pool)
    }

    mutating func ended(_ job: Int, in pool: inout SWFPool) {
        let now = pool.nowSeconds
        profile.advance(to: now)
        let left = (pool.starts[job] ?? now) + believed[job] - now
        if left > 0 {
            profile.release(pool.jobs[job].width, at: now, for: left)
            moveForward(in: pool)
        }
        startPromised(in: &pool)
    }

    private mutating func promise(_ job: Int, in pool: SWFPool) {
        let width = pool.jobs[job].width
        // No job is wider than the machine, so there always is a start.
        let start = profile.earliestStart(of: width, for: believed[job], notBefore: pool.nowSeconds)
        let promised = start ?? pool.nowSeconds
        profile.reserve(width, at: promised, for: believed[job])
        queue.append(Promise(job: job, start: promised))
    }

    /// Until nothing moves: what one job leaves may let another one, before it in the queue, move too. Then the next
    /// promised start is the end of something that runs, so an event comes with it.
    private mutating func moveForward(in pool: SWFPool) {
        var hasMoved = true
        while hasMoved {
            let waiting = queue
            queue.removeAll(keepingCapacity: true)
            for promise in waiting {
                profile.release(pool.jobs[promise.job].width, at: promise.start, for: believed[promise.job])
                self.promise(promise.job, in: pool)
            }
            hasMoved = zip(waiting, queue).contains { $0.start != $1.start }
        }
    }

    private mutating func startPromised(in pool: inout SWFPool) {
        for promise in queue where promise.start <= pool.nowSeconds {
            pool.start(promise.job, believedSeconds: believed[promise.job])
        }
        queue.removeAll { $0.start <= pool.nowSeconds }
    }
}
