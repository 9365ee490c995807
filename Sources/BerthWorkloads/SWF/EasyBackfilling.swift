/// EASY: the head of the queue starts when it fits, or else has one reservation, by estimates; any other job may start
/// now where that does not delay the head.
///
/// Source: Lifka, JSSPP 1995; every submission and every end is decided on alone, as in the simulator behind Gaussier
/// et al., SC 2015, whose figures come out to every printed digit.
struct EasyBackfilling: SWFScheduler {
    /// Strict order, nothing starts behind a job that waits.
    let isStrict: Bool
    /// Seconds each job is believed to run.
    let believed: [Int]
    /// Place in the queue, least first.
    let order: [Double]
    /// Place among the jobs that may pass the head.
    let backfillOrder: [Double]
    private var queue: [Int] = []

    init(_ policy: SWFPolicy, jobs: [SWFJob], believed: [Int]) {
        isStrict = policy == .fcfs
        self.believed = believed
        let priority = SWFPriority(policy: policy)
        order = zip(jobs, believed).map { priority.key($0, believedSeconds: $1) }
        backfillOrder = policy == .easySJBF ? believed.map(Double.init) : order
    }

    mutating func submitted(_ job: Int, in pool: inout SWFPool) {
        queue.insert(job, at: queue.partitioningIndex { order[$0] > order[job] })
        decide(in: &pool)
    }

    mutating func ended(_ job: Int, in pool: inout SWFPool) { decide(in: &pool) }

    private mutating func decide(in pool: inout SWFPool) {
        var free = pool.free
        var started = 0
        while started < queue.count, pool.jobs[queue[started]].width <= free {
            free -= pool.jobs[queue[started]].width
            pool.start(queue[started], believedSeconds: believed[queue[started]])
            started += 1
        }
        queue.removeFirst(started)
        if !isStrict, free > 0, queue.count > 1 { backfill(free: free, in: &pool) }
    }

    private mutating func backfill(free: Int, in pool: inout SWFPool) {
        var free = free
        var (shadow, spare) = reservation(of: queue[0], free: free, in: pool)
        var started: Set<Int> = []
        var candidates = queue.dropFirst().filter { pool.jobs[$0].width <= free }
        candidates.sort { (backfillOrder[$0], order[$0], $0) < (backfillOrder[$1], order[$1], $1) }
        for job in candidates where pool.jobs[job].width <= free {
            let width = pool.jobs[job].width
            if pool.nowSeconds + believed[job] > shadow {
                guard width <= spare else { continue }
                spare -= width
            }
            free -= width
            pool.start(job, believedSeconds: believed[job])
            started.insert(job)
        }
        if !started.isEmpty { queue.removeAll { started.contains($0) } }
    }

    /// When the head is to start, and what it then leaves over.
    private func reservation(of head: Int, free: Int, in pool: SWFPool) -> (shadow: Int, spare: Int) {
        let width = pool.jobs[head].width
        var free = free
        var shadow = pool.nowSeconds
        for entry in pool.running where entry.believedEnd > pool.nowSeconds {
            if free >= width, entry.believedEnd != shadow { break }
            free += pool.jobs[entry.job].width
            if free >= width { shadow = entry.believedEnd }
        }
        return (shadow, free - width)
    }
}
