public import BerthModel
import Crypto
import Foundation
import GRDB
import Glibc
import Synchronization

/// The cluster's events, and the provenance that follows from them, in one SQLite file. There is one writer; every
/// append is one durable transaction that holds the events and all that the tables say of them.
///
/// Source: the tables are described in `docs/provenance.md`.
public final class Journal: Sendable {
    let pool: DatabasePool
    private let checkpointer: Checkpointer
    private let lock: FileLock
    /// Where the chain ends. Only the writer changes it, after its commit.
    private let end: Mutex<ChainEnd>
    private let encoder = EventCoding()

    /// A snapshot is taken after so many events, so that a restart replays no more.
    static let eventsBetweenSnapshots: UInt64 = 20_000

    struct ChainEnd: Sendable {
        var sequence: UInt64
        var hash: Data
        var snapshotSequence: UInt64
    }

    /// Opens the journal, or makes one.
    ///
    /// - Throws: a `JournalError` if another controller has it open, if it is no journal, of a newer Berth, or damaged.
    public init(path: String) throws {
        lock = try FileLock(path: path + ".lock")
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = \(Checkpointer.pagesBeforeCommitsHelp)")
        }
        let (pool, checkpointer, end) = try JournalError.translating(path) {
            let queue = try DatabaseQueue(path: path)
            try queue.writeWithoutTransaction { try Schema.checkHeader(of: $0) }
            try queue.close()
            let pool = try DatabasePool(path: path, configuration: configuration)
            // A pool sets NORMAL when it opens, with which a commit is not on the disk when it returns.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try Schema.migrate(pool)
            let checkpointer = try Checkpointer(path: path, configuration: configuration)
            return (pool, checkpointer, try pool.read { try Self.chainEnd($0) })
        }
        self.pool = pool
        self.checkpointer = checkpointer
        self.end = Mutex(end)
    }

    private static func chainEnd(_ database: Database) throws -> ChainEnd {
        let row = try Row.fetchOne(database, sql: "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
        let snapshot = try Int64.fetchOne(database, sql: "SELECT max(seq) FROM snapshot") ?? 0
        return ChainEnd(
            sequence: row.map { UInt64($0["seq"] as Int64) } ?? 0, hash: row?["hash"] ?? EventCoding.firstHash,
            snapshotSequence: UInt64(snapshot))
    }

    public var lastSequence: UInt64 { end.withLock { $0.sequence } }

    // MARK: - Appending

    /// Makes events durable, all or none. Call it from one place at a time: the controller's round.
    ///
    /// - Throws: a `JournalError` (a full disk, say); then nothing was written, and a later append may succeed.
    public func append(_ events: [ClusterEvent], at time: Timestamp) async throws {
        var chain = end.withLock { $0 }
        var entries: [JournalEntry] = []
        for event in events {
            chain.sequence += 1
            let entry = try encoder.entry(
                RecordedEvent(sequence: chain.sequence, time: time, event: event), after: chain.hash)
            chain.hash = entry.hash
            entries.append(entry)
        }
        do {
            try await pool.write { [entries] database in
                let projector = Projector(database)
                for entry in entries {
                    try entry.insert(into: database)
                    try projector.project(entry.recorded)
                }
                try projector.finish()
            }
        } catch {
            throw JournalError(error, path: pool.path)
        }
        end.withLock { [chain] in
            $0 = ChainEnd(sequence: chain.sequence, hash: chain.hash, snapshotSequence: $0.snapshotSequence)
        }
        checkpointer.countAppend()
    }

    /// Keeps a file by its digest, once.
    public func store(attachment: [UInt8], kind: String, digest: String) async throws {
        try await pool.write { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO attachment (digest, kind, body) VALUES (?, ?, ?)",
                arguments: [digest, kind, Data(attachment)])
        }
    }

    // MARK: - Replaying

    /// The cluster that the events add up to: the newest snapshot, and what came after.
    public func replay() throws -> (cluster: Cluster, lastSequence: UInt64) {
        try replay(fromSnapshot: true)
    }

    public func replay(fromSnapshot: Bool) throws -> (cluster: Cluster, lastSequence: UInt64) {
        try pool.read { database in
            var cluster = Cluster()
            var sequence: Int64 = 0
            if fromSnapshot,
                let row = try Row.fetchOne(database, sql: "SELECT seq, body FROM snapshot ORDER BY seq DESC LIMIT 1"),
                let snapshot = try? encoder.cluster(row["body"])
            {
                // One that cannot be read, of another version, is no loss: the events say the same.
                cluster = snapshot
                sequence = row["seq"]
            }
            let rows = try Row.fetchCursor(
                database, sql: "SELECT seq, time_us, body FROM event WHERE seq > ? ORDER BY seq", arguments: [sequence])
            while let row = try rows.next() {
                sequence = row["seq"]
                let event = try encoder.event(row["body"])
                try cluster.apply(event, at: Timestamp(microseconds: row["time_us"]))
            }
            return (cluster, UInt64(sequence))
        }
    }

    /// Writes a snapshot if enough has happened since the last one.
    ///
    /// - Parameter cluster: what the events up to the last one add up to.
    public func takeSnapshotIfDue(_ cluster: Cluster) async throws {
        let chain = end.withLock { $0 }
        guard chain.sequence >= chain.snapshotSequence + Self.eventsBetweenSnapshots else { return }
        let body = try encoder.bytes(of: cluster)
        try await pool.write { try Self.insertSnapshot(body, at: chain.sequence, into: $0) }
        end.withLock { $0.snapshotSequence = chain.sequence }
    }

    private static func insertSnapshot(_ body: Data, at sequence: UInt64, into database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO snapshot (seq, body) VALUES (?, ?)", arguments: [Int64(sequence), body])
        try database.execute(
            sql: "DELETE FROM snapshot WHERE seq NOT IN (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT 2)")
    }

    /// Leaves the journal for the next controller: in one file, with a snapshot so that it starts at once.
    public func close(_ cluster: Cluster) throws {
        let chain = end.withLock { $0 }
        if chain.sequence > chain.snapshotSequence {
            let body = try encoder.bytes(of: cluster)
            try pool.write { try Self.insertSnapshot(body, at: chain.sequence, into: $0) }
        }
        try checkpointer.close()
        // What is still in the write-ahead log goes into the file, so that the file alone is a whole copy. Where somebody
        // reads at this moment it may stay in the log, where it is just as safe.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA optimize; PRAGMA wal_checkpoint") }
        try pool.close()
    }
}

/// What can be wrong with the journal, in a sentence.
public struct JournalError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    init(_ error: any Error, path: String) {
        description =
            switch (error as? DatabaseError)?.resultCode {
            case .SQLITE_FULL: "The disk that holds \(path) is full. Make room there."
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN: "\(path) cannot be written: \(error)."
            case .SQLITE_IOERR: "The disk that holds \(path) fails: \(error)."
            case .SQLITE_NOTADB: "\(path) is no database of Berth's. Name another state directory."
            case .SQLITE_CORRUPT: "\(path) is damaged: \(error). Restore it from a copy."
            case .SQLITE_BUSY: "Another program keeps \(path) locked."
            default: "\(path): \(error)"
            }
    }

    static func translating<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as JournalError { throw error } catch {
            throw JournalError(error, path: path)
        }
    }
}

/// An advisory lock on a file beside the journal: held as long as the value lives, gone with its process.
final class FileLock: Sendable {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw JournalError("\(path) cannot be made: \(String(cString: strerror(errno))).")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var bytes = [UInt8](repeating: 0, count: 32)
            let count = pread(descriptor, &bytes, bytes.count, 0)
            let holder = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            Glibc.close(descriptor)
            throw JournalError(
                "Another controller (process \(holder)) has this state directory open. Stop it first (berth down).")
        }
        let mark = "\(getpid())"
        ftruncate(descriptor, 0)
        _ = mark.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    }

    deinit { Glibc.close(descriptor) }
}
