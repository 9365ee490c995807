import BerthModel
import Foundation
import GRDB

/// What becomes of jobs and of tasks without an attempt.
extension Projector {
    func submitted(_ submission: Submission, _ recorded: RecordedEvent) throws {
        let id = Int64(submission.id.number)
        let specification = submission.specification
        let command = specification.script ?? specification.command.joined(separator: " ")
        try run(
            """
            INSERT INTO job (id, event_seq, name, user, project, queue, command, working_directory, is_array,
              code_repository, code_commit, code_dirty, submitted_us, held, total)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                id, Int64(recorded.sequence), specification.name, submission.user, specification.project,
                specification.queue, command, specification.workingDirectory, specification.array != nil,
                specification.code?.repository, specification.code?.commit, specification.code?.isDirty,
                submission.submitTime.microseconds, specification.isHeld, specification.taskIndices.count,
            ])
        for (key, value) in specification.labels.sorted(by: { $0.key < $1.key }) {
            try run("INSERT INTO label (job_id, key, value) VALUES (?, ?, ?)", [id, key, value])
        }
        for (name, value) in specification.environment.sorted(by: { $0.key < $1.key }) {
            let (plain, secret): (String?, String?) =
                switch value {
                case .plain(let text): (text, nil)
                case .secret(let digest): (nil, digest)
                }
            try run(
                "INSERT INTO variable (job_id, name, value, secret_digest) VALUES (?, ?, ?, ?)",
                [id, name, plain, secret])
        }
        for dependency in specification.dependencies {
            try run(
                "INSERT OR IGNORE INTO dependency (job_id, on_job, condition) VALUES (?, ?, ?)",
                [id, Int64(dependency.job.number), dependency.condition.rawValue])
        }
        try run(
            """
            INSERT INTO submission (user, key, content_digest, jobs) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET jobs = jobs || ',' || excluded.jobs
            """, [submission.user, submission.key, submission.contentDigest, "\(submission.id)"])
    }

    func reopened(_ submission: Submission) throws {
        guard let reopened = submission.reopened else { return }
        try finish()
        let id = Int64(submission.id.number)
        let ended = reopened.ended
        try run(
            """
            UPDATE job SET succeeded = ?, failed = ?, cancelled = ?, timed_out = ?, ended_us = NULL, held = 0, hold = NULL
            WHERE id = ?
            """, [ended.succeeded, ended.failed, ended.cancelled, ended.timedOut, id])
        for index in reopened.tasks where reopened.attempts[index] != nil {
            try run(
                "UPDATE task SET state = 'pending', reason = NULL, ended_us = NULL WHERE job_id = ? AND task = ?",
                [id, index])
        }
        // Ranges that ended unstarted wait again, those of them that are to run.
        let ranges = try Row.fetchAll(
            database, sql: "SELECT rowid, tasks FROM task_range WHERE job_id = ?", arguments: [id])
        for row in ranges {
            guard var tasks = IndexRanges(row["tasks"] as String) else { continue }
            for index in reopened.tasks { tasks.remove(index) }
            try run("UPDATE task_range SET tasks = ? WHERE rowid = ?", [tasks.description, row["rowid"] as Int64])
        }
        try run("DELETE FROM task_range WHERE job_id = ? AND tasks = ''", [id])
        try recordWorstOutcome(ofJob: id)
    }

    /// - Parameter hold: why, where Berth does it by itself.
    func hold(_ job: Job.ID, _ hold: JobHold?) throws {
        try run("UPDATE job SET held = 1, hold = ? WHERE id = ?", [hold?.description, job.row])
    }

    func release(_ job: Job.ID) throws {
        try run("UPDATE job SET held = 0, hold = NULL WHERE id = ?", [job.row])
    }

    /// Has the job say how the worst of its ended tasks went, where others of them run again.
    private func recordWorstOutcome(ofJob id: Int64) throws {
        let rank = "CASE state WHEN 'succeeded' THEN 1 WHEN 'cancelled' THEN 2 WHEN 'timedOut' THEN 3 ELSE 4 END"
        let worst = try Row.fetchOne(
            database,
            sql: """
                SELECT reason, exit_code, signal, message, \(rank) AS rank, ended_us, task FROM task
                WHERE job_id = ? AND ended_us IS NOT NULL
                UNION ALL SELECT reason, NULL, NULL, message, \(rank), ended_us, -1 FROM task_range WHERE job_id = ?
                ORDER BY rank DESC, ended_us, task LIMIT 1
                """, arguments: [id, id])
        try run(
            "UPDATE job SET reason = ?, exit_code = ?, signal = ?, message = ?, outcome_rank = ? WHERE id = ?",
            [
                worst?["reason"] as String?, worst?["exit_code"] as Int?, worst?["signal"] as Int?,
                worst?["message"] as String?, (worst?["rank"] as Int?) ?? 0, id,
            ])
    }

    func ended(_ job: Job.ID, _ tasks: IndexRanges, _ outcome: Outcome, by user: String, at time: Int64) throws {
        let id = Int64(job.number)
        var untouched = tasks
        let known = try Int.fetchAll(
            database, sql: "SELECT task FROM task WHERE job_id = ? AND state = 'pending'", arguments: [id])
        for index in known where tasks.contains(index) {
            untouched.remove(index)
            try setTask(job, index, outcome, at: time)
        }
        if !untouched.isEmpty {
            try run(
                """
                INSERT INTO task_range (job_id, tasks, state, reason, message, ended_us, by) VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    id, untouched.description, outcome.state.rawValue, outcome.reason.rawValue, outcome.message, time,
                    user,
                ])
        }
        jobs.end(job, outcome, tasks: tasks.count, at: time)
    }

    func setTask(_ job: Job.ID, _ index: Int, _ outcome: Outcome, at time: Int64) throws {
        try run(
            """
            UPDATE task SET state = ?, reason = ?, exit_code = ?, signal = ?, message = ?, ended_us = ?
            WHERE job_id = ? AND task = ?
            """,
            [
                outcome.state.rawValue, outcome.reason.rawValue, outcome.exitCode, outcome.signal, outcome.message,
                time,
                Int64(job.number), index,
            ])
    }
}
