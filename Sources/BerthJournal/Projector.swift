import BerthModel
import Foundation
import GRDB

/// Writes into the tables what an event means. Everything comes from the events alone, so the tables can be made again
/// from them and compared. They say everything once `finish()` has returned.
final class Projector {
    private let database: Database
    private var jobs = JobChanges()

    init(_ database: Database) { self.database = database }

    func project(_ recorded: RecordedEvent) throws {
        let time = recorded.time.microseconds
        switch recorded.event {
        case .configured: break
        case .submitted(let submission): try submitted(submission, recorded)
        case .foreseen: break  // The event itself is the record.
        case .reopened(let submission, by: _): try reopened(submission)
        case .held(let job, by: _): try hold(job, nil)
        case .released(let job, by: _): try release(job)
        case .jobsHeld(let jobs, let hold): for job in jobs { try self.hold(job, hold) }
        case .familyReleased(_, let jobs): for job in jobs { try release(job) }
        case .started(let attempt, let decision): try started(attempt, decision)
        case .launched(let attempt, let launch): try launched(attempt, launch)
        case .reported(let attempt, let report): try reported(attempt, report)
        case .stopping(let attempt, let reason, by: _): try stopping(attempt, reason)
        case .memberEnded(let attempt, let rank, let end): try ended(attempt, rank: rank, end)
        case .attemptEnded(let attempt, let end, then: let disposition): try ended(attempt, end, disposition)
        case .tasksEnded(let job, let tasks, let outcome, by: let user):
            try ended(job, tasks, outcome, by: user, at: time)
        case .nodeJoined(let registration): try joined(registration, at: time)
        case .nodeReturned(let node):
            try run("UPDATE node SET state = 'up', last_us = ? WHERE name = ?", [time, node.text])
        case .nodeLost(let node):
            try run("UPDATE node SET state = 'lost', last_us = ? WHERE name = ?", [time, node.text])
        case .nodeFaulted: break  // The event itself is the record.
        case .nodeDrained(let node, let drain):
            try run("UPDATE node SET drain = ? WHERE name = ?", [drain.reason, node.text])
        case .nodeUndrained(let node, by: _): try run("UPDATE node SET drain = NULL WHERE name = ?", [node.text])
        case .staleAttemptEnded: break  // The event itself is the record; what was decided about the task stands.
        }
    }

    /// Writes what is left after the last event of a transaction.
    func finish() throws { try jobs.write(into: database) }

    private func run(_ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    // MARK: - Jobs

    private func submitted(_ submission: Submission, _ recorded: RecordedEvent) throws {
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

    private func reopened(_ submission: Submission) throws {
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
    private func hold(_ job: Job.ID, _ hold: JobHold?) throws {
        try run("UPDATE job SET held = 1, hold = ? WHERE id = ?", [hold?.description, job.row])
    }

    private func release(_ job: Job.ID) throws {
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

    private func ended(_ job: Job.ID, _ tasks: IndexRanges, _ outcome: Outcome, by user: String, at time: Int64) throws
    {
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

    private func setTask(_ job: Job.ID, _ index: Int, _ outcome: Outcome, at time: Int64) throws {
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

    // MARK: - Attempts

    private func started(_ attempt: Attempt, _ decision: Decision) throws {
        let task = attempt.id.task
        let job = Int64(task.job.number)
        let allocation = attempt.allocation
        try run(
            """
            INSERT INTO attempt (job_id, task, number, fence, node, stack_id, state, planned_us, cpuset, cores,
              memory_bytes, attempt, decision)
            VALUES (?, ?, ?, ?, ?, (SELECT id FROM node_stack WHERE node = ? AND to_us IS NULL), 'starting', ?, ?, ?, ?, ?, ?)
            """,
            [
                job, task.index ?? 0, attempt.id.number, Int64(attempt.fence), allocation.node.text,
                allocation.node.text,
                attempt.plannedTime.microseconds, allocation.cpus.description, allocation.coreCount,
                allocation.memoryBytes, try EventCoding.text(attempt), try EventCoding.text(decision),
            ])
        let id = database.lastInsertedRowID
        for allocation in attempt.allocations {
            for share in allocation.devices {
                try run(
                    "INSERT INTO attempt_device (attempt_id, node, device, kind, share) VALUES (?, ?, ?, ?, ?)",
                    [id, allocation.node.text, share.name, share.kind, Double(share.thousandths) / 1000])
            }
        }
        for (rank, member) in attempt.allocations.enumerated() where attempt.isGang {
            try run(
                """
                INSERT INTO attempt_member (attempt_id, rank, node, cpuset, cores, memory_bytes) VALUES (?, ?, ?, ?, ?, ?)
                """, [id, rank, member.node.text, member.cpus.description, member.coreCount, member.memoryBytes])
        }
        try run(
            """
            INSERT INTO task (job_id, task, state, attempts) VALUES (?, ?, 'starting', ?)
            ON CONFLICT DO UPDATE SET state = 'starting', attempts = excluded.attempts
            """, [job, task.index ?? 0, attempt.id.number])
        jobs.move(task.job, from: nil, to: .starting)
    }

    /// An attempt's row and what it was doing.
    private func row(_ attempt: AttemptID) throws -> (id: Int64, state: AttemptRecord.State)? {
        let statement = try database.cachedStatement(
            sql: "SELECT id, state FROM attempt WHERE job_id = ? AND task = ? AND number = ?")
        let arguments: StatementArguments = [attempt.task.job.row, attempt.task.index ?? 0, attempt.number]
        guard let row = try Row.fetchOne(statement, arguments: arguments) else { return nil }
        return AttemptRecord.State(rawValue: row["state"]).map { (row["id"], $0) }
    }

    /// Moves a task from one live state of its attempt to another.
    private func move(_ attempt: AttemptID, from old: AttemptRecord.State, to new: AttemptRecord.State) throws {
        jobs.move(attempt.task.job, from: old, to: new)
        try run(
            "UPDATE task SET state = ? WHERE job_id = ? AND task = ?",
            [new.rawValue, attempt.task.job.row, attempt.task.index ?? 0])
    }

    private func launched(_ attempt: AttemptID, _ launch: Launch) throws {
        guard let (id, state) = try row(attempt) else { return }
        if let rank = launch.rank {
            try run(
                "UPDATE attempt_member SET started_us = ?, launch = ? WHERE attempt_id = ? AND rank = ?",
                [launch.startTime.microseconds, try EventCoding.text(launch), id, rank])
            try link(id, "in", launch.inputs, at: launch.startTime)
            // A gang runs when its last member does; what stands in its own row is what rank 0 found.
            let members = try Row.fetchAll(
                database,
                sql: "SELECT started_us, launch FROM attempt_member WHERE attempt_id = ? ORDER BY rank",
                arguments: [id])
            let times = members.compactMap { $0["started_us"] as Int64? }
            guard times.count == members.count, let last = times.max(),
                var first: Launch = try EventCoding.value(members.first?["launch"])
            else { return }
            first.startTime = Timestamp(microseconds: last)
            try launched(id, attempt, first, from: state)
        } else {
            try launched(id, attempt, launch, from: state)
        }
    }

    private func launched(_ id: Int64, _ attempt: AttemptID, _ launch: Launch, from state: AttemptRecord.State) throws {
        // One that has begun before its recall goes on.
        let wasRecalled =
            try state == .stopping
            && Bool.fetchOne(
                database, sql: "SELECT stop_reason = 'recalled' FROM attempt WHERE id = ?", arguments: [id]) == true
        try run(
            """
            UPDATE attempt SET state = iif(state = 'starting' OR stop_reason = 'recalled', 'running', state),
              stop_reason = nullif(stop_reason, 'recalled'), started_us = ?, bound_cpuset = ?,
              bound_numa = ?, process_id = ?, launch = ? WHERE id = ?
            """,
            [
                launch.startTime.microseconds, launch.bound.cpus.description,
                launch.bound.numaNodes.map { "\($0)" }.joined(separator: ","), launch.processID,
                try EventCoding.text(launch), id,
            ])
        try link(id, "in", launch.inputs, at: launch.startTime)
        if state == .starting || wasRecalled { try move(attempt, from: state, to: .running) }
        jobs.start(attempt.task.job, at: launch.startTime.microseconds)
    }

    private func stopping(_ attempt: AttemptID, _ reason: StopReason) throws {
        guard let (id, state) = try row(attempt) else { return }
        try run("UPDATE attempt SET state = 'stopping', stop_reason = ? WHERE id = ?", [reason.rawValue, id])
        try move(attempt, from: state, to: .stopping)
    }

    private func ended(_ attempt: AttemptID, rank: Int, _ end: AttemptEnd) throws {
        guard let (id, _) = try row(attempt) else { return }
        try run(
            """
            UPDATE attempt_member SET ended_us = ?, cause = ?, exit_code = ?, signal = ?, message = ?, end = ?
            WHERE attempt_id = ? AND rank = ?
            """,
            [
                end.endTime.microseconds, end.cause.rawValue, end.exitCode, end.signal, end.message,
                try EventCoding.text(end), id, rank,
            ])
    }

    private func ended(_ attempt: AttemptID, _ end: AttemptEnd, _ disposition: ClusterEvent.Disposition) throws {
        guard let (id, state) = try row(attempt) else { return }
        let usage = end.usage
        try run(
            """
            UPDATE attempt SET state = ?, ended_us = ?, cause = ?, exit_code = ?, signal = ?, message = ?,
              user_cpu_us = ?, system_cpu_us = ?, peak_memory_bytes = ?, read_bytes = ?, written_bytes = ?, end = ?
            WHERE id = ?
            """,
            [
                AttemptRecord.State(end, disposition).rawValue, end.endTime.microseconds, end.cause.rawValue,
                end.exitCode, end.signal, end.message, usage?.userCPUTime.microseconds,
                usage?.systemCPUTime.microseconds,
                usage?.peakMemoryBytes, usage?.readBytes, usage?.writtenBytes, try EventCoding.text(end), id,
            ])
        try link(id, "out", end.outputs, at: end.endTime)
        jobs.move(attempt.task.job, from: state, to: nil)
        switch disposition {
        case .waits:
            try run(
                "UPDATE task SET state = 'pending' WHERE job_id = ? AND task = ?",
                [Int64(attempt.task.job.number), attempt.task.index ?? 0])
        case .ended(let outcome):
            try setTask(attempt.task.job, attempt.task.index ?? 0, outcome, at: end.endTime.microseconds)
            jobs.end(attempt.task.job, outcome, tasks: 1, at: end.endTime.microseconds)
        }
    }

    private func link(_ attempt: Int64, _ direction: String, _ files: [FileRecord], at time: Timestamp) throws {
        for file in files {
            if let digest = file.sha256 {
                try run("INSERT OR IGNORE INTO artifact (sha256, bytes) VALUES (?, ?)", [digest, file.bytes])
            }
            try run(
                """
                INSERT OR IGNORE INTO link (attempt_id, direction, path, artifact_id, problem, at_us)
                VALUES (?, ?, ?, (SELECT id FROM artifact WHERE sha256 = ?), ?, ?)
                """, [attempt, direction, file.path, file.sha256, file.problem, time.microseconds])
        }
    }

    private func reported(_ attempt: AttemptID, _ report: Report) throws {
        guard let (id, _) = try row(attempt) else { return }
        if report.progress != nil || report.note != nil || report.checkpoint != nil {
            try run(
                "INSERT INTO report (attempt_id, time_us, progress, note, checkpoint) VALUES (?, ?, ?, ?, ?)",
                [id, report.time.microseconds, report.progress, report.note, report.checkpoint])
        }
        for (name, value) in report.metrics.sorted(by: { $0.key < $1.key }) {
            try run(
                "INSERT INTO metric (attempt_id, time_us, name, value) VALUES (?, ?, ?, ?)",
                [id, report.time.microseconds, name, value])
        }
        let earlier: Report? = try EventCoding.value(
            String.fetchOne(database, sql: "SELECT report FROM attempt WHERE id = ?", arguments: [id]))
        try run("UPDATE attempt SET report = ? WHERE id = ?", [try EventCoding.text(report.merged(over: earlier)), id])
    }

    // MARK: - Nodes

    private func joined(_ registration: NodeRegistration, at time: Int64) throws {
        let stack = registration.stack
        try run(
            """
            INSERT INTO node (name, state, first_us, last_us) VALUES (?, 'up', ?, ?)
            ON CONFLICT DO UPDATE SET state = 'up', last_us = excluded.last_us
            """, [registration.name.text, time, time])
        try run("UPDATE node_stack SET to_us = ? WHERE node = ? AND to_us IS NULL", [time, registration.name.text])
        try run(
            """
            INSERT INTO node_stack (node, from_us, topology_digest, kernel, operating_system, drivers, agent_version,
              cores, memory_bytes, stack) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                registration.name.text, time, registration.inventoryDigest, stack.kernelRelease, stack.operatingSystem,
                stack.drivers.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "),
                registration.agentVersion, registration.inventory.cores.count, registration.inventory.memoryBytes,
                try EventCoding.text(stack),
            ])
    }
}

extension AttemptRecord.State {
    /// What an ended attempt is called.
    init(_ end: AttemptEnd, _ disposition: ClusterEvent.Disposition) {
        switch disposition {
        case .ended(let outcome):
            self =
                switch outcome.state {
                case .succeeded: .succeeded
                case .failed: .failed
                case .cancelled: .cancelled
                case .timedOut: .timedOut
                }
        case .waits:
            self =
                switch end.cause {
                case .nodeLost: .lost
                case .stopped: .preempted
                case .timeLimit: .timedOut
                case .exit, .signal, .outOfMemory, .launchFailed, .refused: .failed
                }
        }
    }
}

extension Report {
    /// The last that was said of each kind.
    func merged(over earlier: Report?) -> Report {
        Report(
            time: time, progress: progress ?? earlier?.progress, note: note ?? earlier?.note,
            checkpoint: checkpoint ?? earlier?.checkpoint,
            metrics: (earlier?.metrics ?? [:]).merging(metrics) { _, new in new })
    }
}
