import Foundation
import GRDB
import GRDBSQLite

/// Asks the journal's file with SQL, without any way to change it: one statement that reads, on a connection that
/// cannot write, with limits on rows and time. Works whether a controller runs or not.
public struct ProvenanceQuery: Sendable {
    public enum Value: Sendable, Hashable, Codable {
        case null
        case integer(Int64)
        case real(Double)
        case text(String)
        /// Shown in hexadecimal.
        case blob(String)

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .null: try container.encodeNil()
            case .integer(let number): try container.encode(number)
            case .real(let number): try container.encode(number)
            case .text(let text), .blob(let text): try container.encode(text)
            }
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let number = try? container.decode(Int64.self) {
                self = .integer(number)
            } else if let number = try? container.decode(Double.self) {
                self = .real(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        public var text: String {
            switch self {
            case .null: ""
            case .integer(let number): "\(number)"
            case .real(let number): "\(number)"
            case .text(let text), .blob(let text): text
            }
        }

        fileprivate var size: Int {
            switch self {
            case .null, .integer, .real: 8
            case .text(let text), .blob(let text): text.utf8.count
            }
        }
    }

    public struct Answer: Sendable, Hashable, Codable {
        public var columns: [String]
        public var rows: [[Value]]
        /// Whether there were more rows than the limit, or more text than is given at once.
        public var isCut: Bool
    }

    /// Bytes of text after which an answer is cut, and those of the longest single value.
    private static let largestAnswer = 64 << 20

    private let path: String

    public init(path: String) { self.path = path }

    /// - Throws: a `JournalError` with SQLite's own words, or with the limit that was passed.
    public func answer(_ statement: String, rowLimit: Int = 10_000, timeLimit: Duration = .seconds(30)) throws -> Answer
    {
        guard FileManager.default.fileExists(atPath: path) else {
            throw JournalError("There is no journal at \(path).")
        }
        let deadline = ContinuousClock.now + timeLimit
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA query_only = ON")
            sqlite3_progress_handler(
                database.sqliteConnection, 100_000,
                { context in
                    let deadline = context?.assumingMemoryBound(to: ContinuousClock.Instant.self).pointee
                    return deadline.map { ContinuousClock.now > $0 ? 1 : 0 } ?? 0
                }, UnsafeMutableRawPointer(Self.pinned(deadline)))
            sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_LENGTH, Int32(Self.largestAnswer))
            sqlite3_set_authorizer(database.sqliteConnection, Self.authorize, nil)
        }
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            return try queue.unsafeRead { database in
                let prepared = try database.makeStatement(sql: statement)
                guard prepared.isReadonly, prepared.columnCount > 0 else {
                    throw JournalError("Only a statement that reads is answered here: SELECT or WITH.")
                }
                let cursor = try Row.fetchCursor(prepared)
                var answer = Answer(columns: prepared.columnNames, rows: [], isCut: false)
                var bytes = 0
                while let row = try cursor.next() {
                    if answer.rows.count >= rowLimit || bytes > Self.largestAnswer {
                        answer.isCut = true
                        break
                    }
                    let values = Array(row.databaseValues.map(Self.value))
                    bytes += values.reduce(0) { $0 + $1.size }
                    answer.rows.append(values)
                }
                return answer
            }
        } catch let error as JournalError {
            throw error
        } catch let error as DatabaseError {
            switch error.resultCode {
            case .SQLITE_INTERRUPT: throw JournalError("The query took longer than \(timeLimit).")
            case .SQLITE_AUTH:
                throw JournalError(
                    "One statement that reads is answered here, SELECT or WITH, and nothing that changes.")
            case .SQLITE_MISUSE: throw JournalError("Only one statement is answered at a time.")
            default: throw JournalError("\(error.message ?? error.description).")
            }
        }
    }

    /// The deadline lives as long as the process: queries are few, and SQLite keeps a bare pointer to it.
    private static func pinned(_ deadline: ContinuousClock.Instant) -> UnsafeMutablePointer<ContinuousClock.Instant> {
        let pointer = UnsafeMutablePointer<ContinuousClock.Instant>.allocate(capacity: 1)
        pointer.initialize(to: deadline)
        return pointer
    }

    /// Reading is allowed, all but digests of secrets and what is kept whole for Berth itself.
    private static let authorize:
        @convention(c) (
            UnsafeMutableRawPointer?, Int32, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?,
            UnsafePointer<CChar>?
        ) -> Int32 = { _, action, first, second, _, _ in
            let table = first.map { String(cString: $0) }
            let column = second.map { String(cString: $0) }
            switch action {
            case SQLITE_SELECT, SQLITE_FUNCTION, SQLITE_RECURSIVE: return SQLITE_OK
            case SQLITE_READ:
                let isHidden =
                    (table == "variable" && column == "secret_digest") || (table == "snapshot" && column == "body")
                return isHidden ? SQLITE_IGNORE : SQLITE_OK
            default: return SQLITE_DENY
            }
        }

    private static func value(_ value: DatabaseValue) -> Value {
        switch value.storage {
        case .null: .null
        case .int64(let number): .integer(number)
        case .double(let number): .real(number)
        case .string(let text): .text(text)
        case .blob(let data): .blob(data.map { String(format: "%02x", $0) }.joined())
        }
    }
}
