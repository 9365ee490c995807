import BerthModel
import Crypto
import Foundation
import GRDB

/// Events as bytes, and the chain over them.
///
/// A body is canonical JSON. Each event's hash is SHA-256 over the hash before it, its sequence number, its
/// time (both 8 bytes, big-endian) and its body, so that no event can be changed, dropped or moved without the last
/// hash changing. The leaf is SHA-256 over a zero byte and the body, as RFC 6962 takes it.
struct EventCoding: Sendable {
    static let firstHash = Data(repeating: 0, count: 32)

    func entry(_ recorded: RecordedEvent, after previous: Data) throws -> JournalEntry {
        let body = try CanonicalJSON.bytes(of: recorded.event)
        return JournalEntry(
            recorded: recorded, body: String(decoding: body, as: UTF8.self), leaf: Self.leaf(body),
            hash: Self.hash(sequence: recorded.sequence, time: recorded.time, body: body, after: previous))
    }

    static func leaf(_ body: [UInt8]) -> Data {
        var hash = SHA256()
        hash.update(data: [0])
        hash.update(data: body)
        return Data(hash.finalize())
    }

    static func hash(sequence: UInt64, time: Timestamp, body: [UInt8], after previous: Data) -> Data {
        var hash = SHA256()
        hash.update(data: previous)
        withUnsafeBytes(of: sequence.bigEndian) { hash.update(bufferPointer: $0) }
        withUnsafeBytes(of: time.microseconds.bigEndian) { hash.update(bufferPointer: $0) }
        hash.update(data: body)
        return Data(hash.finalize())
    }

    func event(_ body: String) throws -> ClusterEvent {
        try Self.decoder.decode(ClusterEvent.self, from: Data(body.utf8))
    }

    func cluster(_ body: Data) throws -> Cluster { try Self.decoder.decode(Cluster.self, from: body) }
    func bytes(of cluster: Cluster) throws -> Data { Data(try CanonicalJSON.bytes(of: cluster)) }

    static func text(_ value: some Encodable) throws -> String { try CanonicalJSON.text(of: value) }

    static func value<Value: Decodable>(_ text: String?) throws -> Value? {
        try text.map { try decoder.decode(Value.self, from: Data($0.utf8)) }
    }

    private static var decoder: JSONDecoder { JSONDecoder() }
}

/// An event as it stands in the table.
struct JournalEntry: Sendable {
    var recorded: RecordedEvent
    var body: String
    var leaf: Data
    var hash: Data

    func insert(into database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO event (seq, time_us, kind, job_id, body, leaf, hash) VALUES (?, ?, ?, ?, ?, ?, ?)")
        try statement.execute(arguments: [
            Int64(recorded.sequence), recorded.time.microseconds, recorded.event.name,
            recorded.event.job.map { Int64($0.number) }, body, leaf, hash,
        ])
    }
}
