public import BerthModel
public import BerthScheduling
import Foundation
import GRDB

/// What the history knows of jobs. Readers never wait for the writer.
extension Journal: History {
    public func submission(_ key: Dispatcher.SubmissionKey) throws(Refusal) -> PastSubmission? {
        let row = try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "SELECT content_digest, jobs FROM submission WHERE user = ? AND key = ?"),
                arguments: [key.user, key.key])
        }
        return row.map { row in
            PastSubmission(
                contentDigest: row["content_digest"],
                jobs: (row["jobs"] as String).split(separator: ",").compactMap { UInt64($0).map { Job.ID($0) } })
        }
    }

    public func endState(of job: Job.ID) throws(Refusal) -> EndState? {
        let state = try read { database in
            try String.fetchOne(
                database.cachedStatement(sql: "SELECT state FROM job WHERE id = ?"), arguments: [job.row])
        }
        return state.flatMap { EndState(rawValue: $0) }
    }

    /// `reopening(of:)` for those who refuse rather than throw.
    public func endedJob(_ id: TaskID) throws(Refusal) -> Submission? {
        do { return try reopening(of: id) } catch {
            throw .unavailable("The journal cannot be read (\(error)). Nothing was changed; try again.")
        }
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws(Refusal) -> Value {
        do { return try pool.read(body) } catch {
            throw .unavailable("The journal cannot be read (\(error)). Nothing was changed; try again.")
        }
    }

    /// How many attempts a listing shows of each job, the first ones; an array may have a million.
    public static let attemptsInListing = 100

    /// Jobs that pass `filter`, the oldest first, each with at most `attemptsInListing` attempts.
    public func jobs(_ filter: JobFilter) throws -> [JobRecord] {
        var conditions: [String] = []
        var arguments = StatementArguments()
        if !filter.states.isEmpty {
            conditions.append("state IN (\(filter.states.map { _ in "?" }.joined(separator: ", ")))")
            arguments += StatementArguments(filter.states.map(\.rawValue).sorted())
        }
        for (column, value) in [
            ("user", filter.user), ("project", filter.project), ("queue", filter.queue), ("name", filter.name),
        ] {
            guard let value else { continue }
            conditions.append("\(column) = ?")
            arguments += [value]
        }
        for (key, value) in filter.labels.sorted(by: { $0.key < $1.key }) {
            conditions.append("EXISTS (SELECT 1 FROM label WHERE job_id = job.id AND key = ? AND value = ?)")
            arguments += [key, value]
        }
        if let since = filter.since {
            conditions.append("submitted_us >= ?")
            arguments += [since.microseconds]
        }
        let test = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let limit = filter.limit.map { "LIMIT \($0)" } ?? ""
        return try pool.read { database in
            try Row.fetchAll(
                database, sql: Self.jobColumns + " \(test) ORDER BY id DESC \(limit)", arguments: arguments
            )
            .reversed().map { row in
                var job = try record(row, in: database)
                job.attempts = try attempts(of: job.id, in: database, limit: Self.attemptsInListing)
                return job
            }
        }
    }

    private static let jobColumns = """
        SELECT job.*, (SELECT body FROM event WHERE seq = event_seq) AS body,
          (SELECT group_concat(node) FROM (
            SELECT node FROM attempt WHERE job_id = job.id
            UNION SELECT m.node FROM attempt a JOIN attempt_member m ON m.attempt_id = a.id WHERE a.job_id = job.id
          )) AS nodes FROM job
        """

    /// A job, or one task of an array, with its attempts; nil where there is none.
    ///
    /// - Parameter attemptLimit: how many attempts of a whole job are read, the first ones; nil for all.
    public func job(_ id: TaskID, attemptLimit: Int? = nil) throws -> JobRecord? {
        try pool.read { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: Self.jobColumns + " WHERE id = ?", arguments: [id.job.row])
            else { return nil }
            var job = try record(row, in: database)
            job.attempts = try attempts(of: id, in: database, limit: id.index == nil ? attemptLimit ?? -1 : -1)
            guard let index = id.index else { return job }
            guard job.submission.specification.array?.indices.contains(index) == true else { return nil }
            try narrow(&job, to: index, isHeld: row["held"], in: database)
            return job
        }
    }

    /// The tasks of an array that have been started, each with its attempts.
    public func tasks(of job: Job.ID) throws -> [JobRecord] {
        try pool.read { database in
            let columns = Self.jobColumns + " WHERE id = ? AND is_array"
            guard let row = try Row.fetchOne(database, sql: columns, arguments: [job.row]) else { return [] }
            // The submission is as large as the array: it is read once for all of them.
            let whole = try record(row, in: database)
            let indices = try Int.fetchAll(
                database, sql: "SELECT task FROM task WHERE job_id = ? ORDER BY task", arguments: [job.row])
            return try indices.map { index in
                var task = whole
                task.attempts = try attempts(of: TaskID(job: job, index: index), in: database)
                try narrow(&task, to: index, isHeld: row["held"], in: database)
                return task
            }
        }
    }

    private func record(_ row: Row, in database: Database) throws -> JobRecord {
        guard case .submitted(let submission)? = try EventCoding.value(row["body"]) as ClusterEvent?,
            let state = JobState(rawValue: row["state"])
        else { throw JournalError("Job \(row["id"] as Int64) has no readable submission. Run berth prov verify.") }
        let counts: [(JobState, Int)] = [
            (.starting, row["starting"]), (.running, row["running"]), (.stopping, row["stopping"]),
            (.succeeded, row["succeeded"]), (.failed, row["failed"]), (.cancelled, row["cancelled"]),
            (.timedOut, row["timed_out"]),
        ]
        let waiting = (row["total"] as Int) - counts.reduce(0) { $0 + $1.1 }
        let tasks = counts + [((row["held"] as Bool) ? .held : .pending, waiting)]
        var job = JobRecord(
            id: TaskID(job: submission.id), submission: submission, state: state,
            outcome: state.hasEnded ? outcome(row, state: state) : nil, startTime: time(row["started_us"]),
            endTime: state.hasEnded ? time(row["ended_us"]) : nil,
            nodes: (row["nodes"] as String? ?? "").split(separator: ",").map { NodeName(String($0)) }.sorted(),
            tasks: Dictionary(uniqueKeysWithValues: tasks.filter { $0.1 > 0 }))
        job.hold = state.hasEnded ? nil : row["hold"]
        return job
    }

    private func outcome(_ row: Row, state: JobState) -> Outcome? {
        guard let end = EndState(rawValue: state.rawValue),
            let reason = (row["reason"] as String?).flatMap({ Outcome.Reason(rawValue: $0) })
        else { return nil }
        return Outcome(
            state: end, reason: reason, exitCode: row["exit_code"], signal: row["signal"], message: row["message"])
    }

    private func time(_ microseconds: Int64?) -> Timestamp? { microseconds.map { Timestamp(microseconds: $0) } }

    /// Makes a whole job's record one of its tasks'.
    private func narrow(_ job: inout JobRecord, to index: Int, isHeld: Bool, in database: Database) throws {
        let id = job.id.job
        job.id = TaskID(job: id, index: index)
        job.tasks = [:]
        job.nodes = Set(job.attempts.flatMap { $0.attempt.allocations.map(\.node) }).sorted()
        job.startTime = job.attempts.compactMap(\.launch?.startTime).min()
        job.endTime = nil
        job.outcome = nil
        job.state = isHeld ? .held : .pending
        let task = try Row.fetchOne(
            database, sql: "SELECT * FROM task WHERE job_id = ? AND task = ?", arguments: [id.row, index])
        guard let row = try task ?? endedRange(of: id, with: index, in: database),
            let state = JobState(rawValue: row["state"])
        else { return }
        if state != .pending || !isHeld { job.state = state }
        if state.hasEnded {
            job.hold = nil
            job.outcome = outcome(row, state: state)
            job.endTime = time(row["ended_us"])
        }
    }

    /// What tasks that were never started ended with, `index` among them.
    private func endedRange(of job: Job.ID, with index: Int, in database: Database) throws -> Row? {
        try Row.fetchAll(
            database, sql: "SELECT *, NULL AS exit_code, NULL AS signal FROM task_range WHERE job_id = ?",
            arguments: [job.row]
        ).first { IndexRanges($0["tasks"] as String)?.contains(index) == true }
    }

    private func attempts(of id: TaskID, in database: Database, limit: Int = -1) throws -> [AttemptRecord] {
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT * FROM attempt WHERE job_id = ? AND task = ifnull(?, task) ORDER BY task, number LIMIT ?",
            arguments: [id.job.row, id.index, limit])
        return try rows.compactMap { row in
            guard let attempt: Attempt = try EventCoding.value(row["attempt"]),
                let state = AttemptRecord.State(rawValue: row["state"])
            else { return nil }
            return AttemptRecord(
                attempt: attempt, state: state,
                members: attempt.isGang ? try members(of: row["id"], in: database) : [],
                launch: try EventCoding.value(row["launch"]),
                end: try EventCoding.value(row["end"]), decision: try EventCoding.value(row["decision"]),
                stopReason: (row["stop_reason"] as String?).flatMap { StopReason(rawValue: $0) },
                latestReport: try EventCoding.value(row["report"]))
        }
    }

    /// What became of a gang's members, by rank.
    private func members(of attempt: Int64, in database: Database) throws -> [AttemptRecord.Member] {
        let rows = try Row.fetchAll(
            database, sql: "SELECT node, launch, end FROM attempt_member WHERE attempt_id = ? ORDER BY rank",
            arguments: [attempt])
        return try rows.map { row in
            AttemptRecord.Member(
                node: NodeName(row["node"]), launch: try EventCoding.value(row["launch"]),
                end: try EventCoding.value(row["end"]))
        }
    }

    /// The events of a job, in order, as JSON bodies.
    public func events(of job: Job.ID) throws -> [(sequence: UInt64, time: Timestamp, kind: String, body: String)] {
        try pool.read { database in
            try Row.fetchAll(
                database, sql: "SELECT seq, time_us, kind, body FROM event WHERE job_id = ? ORDER BY seq",
                arguments: [job.row]
            ).map { row in
                (
                    UInt64(row["seq"] as Int64), Timestamp(microseconds: row["time_us"]), row["kind"] as String,
                    row["body"] as String
                )
            }
        }
    }

    /// An ended job as it is to be run again: those of its tasks that did not succeed, or the one asked for. nil where
    /// there is no such job, or it has not ended.
    public func reopening(of id: TaskID) throws -> Submission? {
        guard let record = try job(TaskID(job: id.job)), record.state.hasEnded else { return nil }
        var submission = record.submission
        let all = submission.specification.taskIndices
        let asked = id.index.map { all.contains($0) ? IndexRanges([$0]) : IndexRanges() } ?? all
        let ends = try pool.read { try taskEnds(of: id.job, in: $0) }
        // Ascending, each goes to the end: a large array costs no more than its tasks.
        let again = IndexRanges(asked.lazy.filter { ends.state(of: $0) != EndState.succeeded })
        var ended = Job.Tally(
            succeeded: record.tasks[.succeeded] ?? 0, failed: record.tasks[.failed] ?? 0,
            cancelled: record.tasks[.cancelled] ?? 0, timedOut: record.tasks[.timedOut] ?? 0)
        for index in again { if let state = ends.state(of: index) { ended.count(state, -1) } }
        submission.reopened = Submission.Reopening(
            tasks: again, attempts: ends.attempts.filter { again.contains($0.key) }, ended: ended)
        submission.unmetDependencies = []
        return submission
    }

    /// How the tasks of an ended job ended: those that were started by themselves, the others in ranges.
    private struct TaskEnds {
        var states: [Int: EndState] = [:]
        var ranges: [(tasks: IndexRanges, state: EndState)] = []
        var attempts: [Int: Int] = [:]

        func state(of index: Int) -> EndState? { states[index] ?? ranges.first { $0.tasks.contains(index) }?.state }
    }

    private func taskEnds(of job: Job.ID, in database: Database) throws -> TaskEnds {
        var ends = TaskEnds()
        let tasks = try Row.fetchCursor(
            database, sql: "SELECT task, state, attempts FROM task WHERE job_id = ?", arguments: [job.row])
        while let row = try tasks.next() {
            ends.states[row["task"]] = EndState(rawValue: row["state"])
            ends.attempts[row["task"]] = row["attempts"]
        }
        let ranges = try Row.fetchCursor(
            database, sql: "SELECT tasks, state FROM task_range WHERE job_id = ?", arguments: [job.row])
        while let row = try ranges.next() {
            guard let tasks = IndexRanges(row["tasks"] as String), let state = EndState(rawValue: row["state"]) else {
                continue
            }
            ends.ranges.append((tasks, state))
        }
        return ends
    }
}

extension Job.ID {
    /// The number as SQLite has numbers. One that is larger than any of SQLite's names no job.
    var row: Int64 { Int64(clamping: number) }
}
