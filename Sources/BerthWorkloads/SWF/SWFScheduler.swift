import RealModule

/// Decides in a pool as jobs come and go. Estimates, not run times, are all it may look at before a job's end.
protocol SWFScheduler {
    /// A job has joined the queue.
    mutating func submitted(_ job: Int, in pool: inout SWFPool)
    /// A job has left the machine.
    mutating func ended(_ job: Int, in pool: inout SWFPool)
    /// All that happens at this instant has happened.
    mutating func settled(in pool: inout SWFPool)
}

extension SWFScheduler {
    func settled(in pool: inout SWFPool) {}
}

extension SWFPool {
    /// Runs all jobs. At one instant, submissions come before ends.
    mutating func run(_ scheduler: inout some SWFScheduler) {
        var next = 0
        while next < jobs.count || nextEndSeconds != nil {
            let arrival = next < jobs.count ? jobs[next].submitSeconds : Int.max
            let instant = min(arrival, nextEndSeconds ?? Int.max)
            advance(to: instant)
            while next < jobs.count, jobs[next].submitSeconds == instant {
                scheduler.submitted(next, in: &self)
                next += 1
            }
            while nextEndSeconds == instant, let job = endNext() { scheduler.ended(job, in: &self) }
            scheduler.settled(in: &self)
        }
    }
}

/// The order of a queue that asks nothing but the job: least key first, ties by submission.
struct SWFPriority: Sendable {
    let policy: SWFPolicy

    func key(_ job: SWFJob, believedSeconds: Int) -> Double {
        switch policy {
        case .sjf: Double(believedSeconds)
        case .f1:
            Double.log10(Double(believedSeconds)) * Double(job.width)
                + 870 * Double.log10(Double(max(1, job.submitSeconds)))
        case .berth, .fcfs, .easy, .easySJBF, .conservative: Double(job.submitSeconds)
        }
    }
}
