import BerthModel
import GRDB

/// What the events of one transaction change in the rows of `job`, added up: however many tasks of an array a round
/// moves, their job's row and the indexes over it are written once.
struct JobChanges {
    private var changes: [Job.ID: Change] = [:]

    private struct Change {
        /// By column: how many tasks more (or fewer) are in that state.
        var tasks = TaskCounts()
        var firstStart: Int64?
        var lastEnd: Int64?
        /// Of the tasks that have ended, the first of the worst.
        var worst: (rank: Int, outcome: Outcome)?
    }

    private struct TaskCounts {
        var starting = 0
        var running = 0
        var stopping = 0
        var succeeded = 0
        var failed = 0
        var cancelled = 0
        var timedOut = 0
    }

    /// A task of the job goes from one state of its attempt to another; nil where it has no attempt before or after.
    mutating func move(_ job: Job.ID, from old: AttemptRecord.State?, to new: AttemptRecord.State?) {
        count(old, by: -1, of: job)
        count(new, by: 1, of: job)
    }

    private mutating func count(_ state: AttemptRecord.State?, by change: Int, of job: Job.ID) {
        switch state {
        case .starting: changes[job, default: Change()].tasks.starting += change
        case .running: changes[job, default: Change()].tasks.running += change
        case .stopping: changes[job, default: Change()].tasks.stopping += change
        case .succeeded, .failed, .cancelled, .timedOut, .preempted, .lost, nil: break
        }
    }

    mutating func start(_ job: Job.ID, at time: Int64) {
        let known = changes[job]?.firstStart ?? time
        changes[job, default: Change()].firstStart = min(known, time)
    }

    mutating func end(_ job: Job.ID, _ outcome: Outcome, tasks: Int, at time: Int64) {
        var change = changes[job] ?? Change()
        change.lastEnd = max(change.lastEnd ?? time, time)
        switch outcome.state {
        case .succeeded: change.tasks.succeeded += tasks
        case .failed: change.tasks.failed += tasks
        case .cancelled: change.tasks.cancelled += tasks
        case .timedOut: change.tasks.timedOut += tasks
        }
        let rank = Self.rank(of: outcome.state)
        if rank > change.worst?.rank ?? 0 { change.worst = (rank, outcome) }
        changes[job] = change
    }

    /// How much an end counts in what a job says of itself.
    private static func rank(of state: EndState) -> Int {
        switch state {
        case .succeeded: 1
        case .cancelled: 2
        case .timedOut: 3
        case .failed: 4
        }
    }

    /// Writes what has come together, and begins anew.
    mutating func write(into database: Database) throws {
        for (job, change) in changes.sorted(by: { $0.key < $1.key }) {
            let tasks = change.tasks
            try database.cachedStatement(
                sql: """
                    UPDATE job SET starting = starting + ?1, running = running + ?2, stopping = stopping + ?3,
                      succeeded = succeeded + ?4, failed = failed + ?5, cancelled = cancelled + ?6,
                      timed_out = timed_out + ?7, started_us = coalesce(min(started_us, ?8), started_us, ?8),
                      ended_us = coalesce(max(ended_us, ?9), ended_us, ?9) WHERE id = ?10
                    """
            ).execute(arguments: [
                tasks.starting, tasks.running, tasks.stopping, tasks.succeeded, tasks.failed, tasks.cancelled,
                tasks.timedOut, change.firstStart, change.lastEnd, job.row,
            ])
            if let (rank, outcome) = change.worst {
                try database.cachedStatement(
                    sql: """
                        UPDATE job SET reason = ?, exit_code = ?, signal = ?, message = ?, outcome_rank = ?
                        WHERE id = ? AND outcome_rank < ?
                        """
                ).execute(arguments: [
                    outcome.reason.rawValue, outcome.exitCode, outcome.signal, outcome.message, rank, job.row, rank,
                ])
            }
        }
        changes = [:]
    }
}
