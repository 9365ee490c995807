/// The number that names one `Subject`. Two kinds of things never share a type of number, so a job's cannot be
/// passed where a fence's is wanted.
public struct Identifier<Subject>: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let number: UInt64

    public init(_ number: UInt64) { self.number = number }

    public init(from decoder: any Decoder) throws { number = try UInt64(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try number.encode(to: encoder) }

    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
    public var description: String { String(number) }
    public var next: Self { Self(number + 1) }
}

/// A node's name in the cluster: a DNS label sequence, unique in the fleet.
public struct NodeName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let text: String

    public init(_ text: String) { self.text = text }
    public init(stringLiteral text: String) { self.text = text }

    public init(from decoder: any Decoder) throws { text = try String(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }

    public static func < (left: Self, right: Self) -> Bool { left.text < right.text }
    public var description: String { text }

    /// Whether the name can be used in paths, environment variables and tables: 1 to 253 letters, digits, `.`, `_`
    /// and `-`, not starting with `.` or `-`.
    public var isWellFormed: Bool {
        guard let first = text.utf8.first, text.utf8.count <= 253 else { return false }
        return first != UInt8(ascii: ".") && first != UInt8(ascii: "-")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// One task of a job: `42` for a job that is no array, `42.7` for the array task with index 7.
public struct TaskID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let job: Job.ID
    /// The task's index in its array; nil for a job that is no array.
    public let index: Int?

    public init(job: Job.ID, index: Int? = nil) {
        self.job = job
        self.index = index
    }

    /// Reads `42` or `42.7`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let job = UInt64(digits: first), job > 0 else { return nil }
        guard parts.count == 2 else {
            self.init(job: Job.ID(job))
            return
        }
        guard let index = Int(digits: parts[1]) else { return nil }
        self.init(job: Job.ID(job), index: index)
    }

    public init(from decoder: any Decoder) throws { self = try decoder.parsed(Self.init) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    public static func < (left: Self, right: Self) -> Bool {
        (left.job, left.index ?? -1) < (right.job, right.index ?? -1)
    }

    public var description: String { index.map { "\(job).\($0)" } ?? "\(job)" }
}

/// One start of a task: `42@2`, `42.7@2`. Numbers count from 1 and are never used twice.
public struct AttemptID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let task: TaskID
    public let number: Int

    public init(task: TaskID, number: Int) {
        self.task = task
        self.number = number
    }

    /// Reads `42@2` or `42.7@2`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let task = TaskID(parts[0]), let number = Int(digits: parts[1]), number > 0 else {
            return nil
        }
        self.init(task: task, number: number)
    }

    public init(from decoder: any Decoder) throws { self = try decoder.parsed(Self.init) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    public static func < (left: Self, right: Self) -> Bool { (left.task, left.number) < (right.task, right.number) }
    public var description: String { "\(task)@\(number)" }
}

extension FixedWidthInteger {
    /// Reads digits alone; a sign, which `init(_:)` takes, is refused.
    init?(digits: some StringProtocol) {
        guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        self.init(digits)
    }
}

extension Decoder {
    /// Decodes a value that is written as one text.
    func parsed<Value>(_ parse: (String) -> Value?) throws -> Value {
        let container = try singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = parse(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no \(Value.self)")
        }
        return value
    }
}
