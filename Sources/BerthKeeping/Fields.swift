/// A file of named byte strings: `name=value` records, each ended by a NUL byte. Values hold any byte but NUL, which
/// neither paths, arguments nor variables can hold. Names may repeat; their order is kept.
struct Fields {
    /// Of orders and records, written into both. Fields may be added to a format, and who does not know them reads over
    /// them; what would be misunderstood by an older reader needs the next number. Files without one are of format 1.
    static let format = 2

    private(set) var entries: [(name: String, value: String)] = []

    init() {}

    /// - Throws: where the bytes are no such file.
    init(_ bytes: [UInt8]) throws(KeepingError) {
        guard bytes.isEmpty || bytes.last == 0 else { throw .malformed("it ends in the middle of a field") }
        for record in bytes.split(separator: 0, omittingEmptySubsequences: true) {
            guard let sign = record.firstIndex(of: UInt8(ascii: "=")), sign > record.startIndex else {
                throw .malformed("a field has no name")
            }
            entries.append(
                (
                    String(decoding: record[..<sign], as: UTF8.self),
                    String(decoding: record[(sign + 1)...], as: UTF8.self)
                ))
        }
    }

    mutating func add(_ name: String, _ value: String?) { if let value { entries.append((name, value)) } }
    mutating func add(_ name: String, _ value: (some BinaryInteger)?) { add(name, value.map { "\($0)" }) }

    func first(_ name: String) -> String? { entries.first { $0.name == name }?.value }
    func all(_ name: String) -> [String] { entries.filter { $0.name == name }.map(\.value) }

    func number<Number: FixedWidthInteger>(_ name: String) throws(KeepingError) -> Number? {
        guard let text = first(name) else { return nil }
        guard let number = Number(text) else { throw .malformed("\(name) is \"\(text)\" and no number") }
        return number
    }

    /// An agent meets the files of older keepers. One that was replaced by an older version says so, and guesses nothing.
    func checkFormat() throws(KeepingError) {
        let format: Int = try number("format") ?? 1
        guard (1...Self.format).contains(format) else {
            throw .malformed("it is of format \(format), and this version reads 1 to \(Self.format); use a later one")
        }
    }

    func required(_ name: String) throws(KeepingError) -> String {
        guard let value = first(name) else { throw .malformed("\(name) is missing") }
        return value
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in entries {
            bytes += name.utf8
            bytes.append(UInt8(ascii: "="))
            bytes += value.utf8.filter { $0 != 0 }
            bytes.append(0)
        }
        return bytes
    }
}

/// What can go wrong between an agent and its keepers.
public enum KeepingError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    /// A call of the system failed: what was tried, on what, and the reason.
    case system(String, Int32)

    public var description: String {
        switch self {
        case .malformed(let problem): "A keeper's file cannot be read: \(problem)."
        case .system(let attempted, let code): "\(attempted): \(errorText(code))."
        }
    }
}
