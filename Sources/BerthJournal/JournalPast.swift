public import BerthModel
import BerthPlanner
public import BerthScheduling
import GRDB

/// The cluster as it was: what the journal's events add up to until some time ago.
public struct JournalPast: Sendable {
    private let reader: any DatabaseReader
    private let coding = EventCoding()

    init(_ reader: any DatabaseReader) { self.reader = reader }

    /// Reads a journal whether or not a controller has it open.
    ///
    /// - Throws: a `JournalError`.
    public init(path: String) throws {
        reader = try JournalError.translating(path) {
            var configuration = Configuration()
            configuration.readonly = true
            return try DatabaseQueue(path: path, configuration: configuration)
        }
    }

    // MARK: - Clusters

    /// The cluster as it was before an event.
    public func replay(before sequence: UInt64) throws -> Cluster {
        try reader.read { database in
            try replay(database, until: [Int64(sequence) - 1]) { _, _ in }
        }
    }

    /// Replays once, and stops after each of `sequences`, ascending, to show the cluster.
    ///
    /// - Returns: the cluster after the last of them.
    private func replay(
        _ database: Database, until sequences: [Int64], _ show: (Int64, Cluster) throws -> Void
    ) throws -> Cluster {
        var cluster = Cluster()
        var sequence: Int64 = 0
        guard let first = sequences.first, let last = sequences.last else { return cluster }
        if let row = try Row.fetchOne(
            database, sql: "SELECT seq, body FROM snapshot WHERE seq <= ? ORDER BY seq DESC LIMIT 1", arguments: [first]
        ),
            let snapshot = try? coding.cluster(row["body"])
        {
            cluster = snapshot
            sequence = row["seq"]
        }
        var stops = sequences[...]
        if stops.first == sequence {
            try show(sequence, cluster)
            stops.removeFirst()
        }
        let rows = try Row.fetchCursor(
            database, sql: "SELECT seq, time_us, body FROM event WHERE seq > ? AND seq <= ? ORDER BY seq",
            arguments: [sequence, last])
        while let row = try rows.next() {
            try cluster.apply(coding.event(row["body"]), at: Timestamp(microseconds: row["time_us"]))
            guard stops.first == row["seq"] as Int64 else { continue }
            try show(row["seq"], cluster)
            stops.removeFirst()
        }
        return cluster
    }

    // MARK: - Decisions

    /// Plans again what was planned when an attempt was started.
    ///
    /// - Parameter number: which attempt of the task; nil takes the last.
    /// - Returns: nil where there was no such attempt.
    public func replayed(_ task: TaskID, number: Int?) throws -> (attempt: AttemptID, verdict: DecisionReplay)? {
        try reader.read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT seq, time_us, body FROM event WHERE job_id = ? AND kind = 'started' ORDER BY seq DESC",
                arguments: [Int64(task.job.number)])
            while let row = try rows.next() {
                guard case .started(let attempt, let decision) = try coding.event(row["body"]),
                    attempt.id.task == task, number == nil || attempt.id.number == number
                else { continue }
                let sequence: Int64 = row["seq"]
                let round = try round(database, with: sequence, at: row["time_us"])
                let cluster = try replay(database, until: [sequence - Int64(round.count)]) { _, _ in }
                return (attempt.id, DecisionReplay.replayed(attempt, decision, round: round, in: cluster))
            }
            return nil
        }
    }

    /// The starts of a round, and the stops of its plans, until one of the starts: a round's plans are
    /// recorded one after the other with the same time.
    private func round(_ database: Database, with sequence: Int64, at time: Int64) throws -> [ClusterEvent] {
        var round: [ClusterEvent] = []
        let rows = try Row.fetchCursor(
            database, sql: "SELECT time_us, body FROM event WHERE seq <= ? ORDER BY seq DESC", arguments: [sequence])
        while let row = try rows.next(), row["time_us"] as Int64 == time {
            let event = try coding.event(row["body"])
            switch event {
            case .started, .stopping(_, .preempted, by: "berth"), .stopping(_, .recalled, by: "berth"):
                round.append(event)
            default: return round.reversed()
            }
        }
        return round.reversed()
    }

    // MARK: - Predictions

    /// Predicts, from what was true when they came, the starts of the last jobs that waited for more than a second. Those
    /// that have not started and are not held are among them: until when they waited is known.
    ///
    /// - Complexity: replays the journal once, and makes a forecast for each job.
    public func calibration(jobs count: Int) throws -> Calibration {
        try reader.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT j.id, j.submitted_us, min(a.planned_us) AS planned_us,
                      coalesce(min(a.planned_us), j.ended_us,
                        (SELECT time_us FROM event ORDER BY seq DESC LIMIT 1)) AS waited_us,
                      (SELECT min(seq) FROM event WHERE job_id = j.id AND kind = 'submitted') AS seq
                      FROM job j LEFT JOIN attempt a ON a.job_id = j.id WHERE j.state <> 'held'
                      GROUP BY j.id HAVING waited_us - j.submitted_us > 1000000
                      ORDER BY j.id DESC LIMIT ?
                    """, arguments: [count]
            ).sorted { ($0["seq"] as Int64) < ($1["seq"] as Int64) }
            var places = rows[...]
            var samples: [Calibration.Sample] = []
            _ = try replay(database, until: rows.map { $0["seq"] as Int64 }) { _, cluster in
                guard let row = places.popFirst() else { return }
                let prediction = Calibration.prediction(
                    for: Job.ID(UInt64(row["id"] as Int64)), in: cluster,
                    at: Timestamp(microseconds: row["submitted_us"]))
                // A job that was held or waited for others had nothing to be told.
                guard prediction.start != nil else { return }
                let start = (row["planned_us"] as Int64?).map(Timestamp.init(microseconds:))
                let end = Timestamp(microseconds: row["waited_us"])
                let outcome = start.map(Calibration.Sample.Outcome.started) ?? .waited(until: end)
                samples.append(.init(prediction: prediction, outcome: outcome))
            }
            return Calibration(samples)
        }
    }
}

extension Journal {
    public var past: JournalPast { JournalPast(pool) }
}
