import BerthModel
import Foundation
import GRDB

/// What becomes of attempts.
extension Projector {
    func started(_ attempt: Attempt, _ decision: Decision) throws {
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

    func launched(_ attempt: AttemptID, _ launch: Launch) throws {
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

    func stopping(_ attempt: AttemptID, _ reason: StopReason) throws {
        guard let (id, state) = try row(attempt) else { return }
        try run("UPDATE attempt SET state = 'stopping', stop_reason = ? WHERE id = ?", [reason.rawValue, id])
        try move(attempt, from: state, to: .stopping)
    }

    func ended(_ attempt: AttemptID, rank: Int, _ end: AttemptEnd) throws {
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

    func ended(_ attempt: AttemptID, _ end: AttemptEnd, _ disposition: ClusterEvent.Disposition) throws {
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

    func reported(_ attempt: AttemptID, _ report: Report) throws {
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
