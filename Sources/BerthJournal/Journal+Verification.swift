import BerthModel
import Foundation
import GRDB

/// What a check of the whole journal found.
public struct JournalVerification: Sendable, Codable {
    public var events: UInt64
    /// The last hash of the chain, hexadecimal: kept elsewhere, it proves later that nothing was rewritten.
    public var head: String
    /// A sentence each; empty where all is well.
    public var faults: [String]
}

extension Journal {
    /// Recomputes the chain over all events, applies them to an empty cluster, makes the tables again and compares.
    ///
    /// - Complexity: reads everything: about a second for 20,000 events.
    public func verify() throws -> JournalVerification {
        try Self.verify(pool)
    }

    /// The same for a journal that no controller has open.
    public static func verify(path: String) throws -> JournalVerification {
        try JournalError.translating(path) {
            var configuration = Configuration()
            configuration.readonly = true
            return try verify(DatabaseQueue(path: path, configuration: configuration))
        }
    }

    private static func verify(_ reader: some DatabaseReader) throws -> JournalVerification {
        let coding = EventCoding()
        let copy = try Schema.empty()
        return try reader.read { database in
            var faults: [String] = []
            var previous = EventCoding.firstHash
            var expected: Int64 = 1
            var cluster = Cluster()
            let integrity = try String.fetchOne(database, sql: "PRAGMA integrity_check") ?? ""
            if integrity != "ok" { faults.append("SQLite finds the file damaged: \(integrity).") }
            var snapshots = try Dictionary(
                uniqueKeysWithValues: Row.fetchAll(database, sql: "SELECT seq, body FROM snapshot").map {
                    ($0["seq"] as Int64, $0["body"] as Data)
                })
            try copy.write { copy in
                let projector = Projector(copy)
                let rows = try Row.fetchCursor(database, sql: "SELECT * FROM event ORDER BY seq")
                while let row = try rows.next(), faults.isEmpty {
                    let sequence: Int64 = row["seq"]
                    let body: String = row["body"]
                    let time = Timestamp(microseconds: row["time_us"])
                    if sequence != expected {
                        faults.append("Events \(expected) to \(sequence - 1) are missing.")
                    }
                    let hash = EventCoding.hash(
                        sequence: UInt64(sequence), time: time, body: Array(body.utf8), after: previous)
                    if hash != row["hash"] as Data || EventCoding.leaf(Array(body.utf8)) != row["leaf"] as Data {
                        faults.append("Event \(sequence) is not what was recorded: its hash does not fit.")
                    }
                    guard faults.isEmpty else { break }
                    do {
                        let event = try coding.event(body)
                        if row["kind"] as String != event.name || row["job_id"] as Int64? != event.job?.row {
                            faults.append("Event \(sequence) is filed under another kind or job than its own.")
                        }
                        try cluster.apply(event, at: time)
                        try projector.project(
                            RecordedEvent(sequence: UInt64(sequence), time: time, event: event))
                    } catch {
                        faults.append("Event \(sequence) cannot be applied: \(error)")
                    }
                    previous = hash
                    expected = sequence + 1
                    if sequence.isMultiple(of: 1000) { try projector.finish() }
                    // One that cannot be read is not used either.
                    if let body = snapshots.removeValue(forKey: sequence), let snapshot = try? coding.cluster(body),
                        snapshot != cluster
                    {
                        faults.append("The snapshot after event \(sequence) is not what the events add up to.")
                    }
                }
                try projector.finish()
                if faults.isEmpty, let sequence = snapshots.keys.max() {
                    faults.append("There is a snapshot after event \(sequence), and no such event.")
                }
                if faults.isEmpty { faults += try differences(between: database, and: copy) }
            }
            return JournalVerification(
                events: UInt64(expected - 1), head: previous.map { String(format: "%02x", $0) }.joined(), faults: faults
            )
        }
    }

    /// Tables whose rows are not those that the events give.
    private static func differences(between database: Database, and copy: Database) throws -> [String] {
        let tables = [
            "submission", "job", "label", "variable", "dependency", "task", "task_range", "node", "node_stack",
            "attempt",
            "attempt_device", "attempt_member", "artifact", "link", "report", "metric",
        ]
        // An older journal that nobody has opened for writing since has not every table yet.
        return try tables.filter { try database.tableExists($0) }.compactMap { table in
            let columns = try database.columns(in: table).map(\.name)
            let sql =
                "SELECT \(columns.joined(separator: ", ")) FROM \(table) ORDER BY \(columns.joined(separator: ", "))"
            let left = try Row.fetchCursor(database, sql: sql)
            let right = try Row.fetchCursor(copy, sql: sql)
            while true {
                let (one, other) = (try left.next(), try right.next())
                if one == nil, other == nil { return nil }
                guard let one, let other, one == other else {
                    return "Table \(table) does not say what the events say."
                }
            }
        }
    }
}
