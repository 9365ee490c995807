/// Reads JSON exactly. YAML's grammar nearly holds JSON's, but not its surrogate pairs, and it folds a next-line
/// character in a text to a space: what the command line sends has to arrive as it was.
///
/// Source: RFC 8259; names that stand twice are refused, and so are NUL characters.
struct JSONReader {
    private let bytes: [UInt8]
    private let file: String
    private var position = 0
    private var line = 1
    private var bounds = DocumentBounds()

    static func document(_ bytes: [UInt8], file: String) throws(DescriptionError) -> Document {
        var reader = JSONReader(bytes, file: file)
        let document = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.failure("nothing more is expected here") }
        return document
    }

    private init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func failure(_ problem: String) -> DescriptionError {
        DescriptionError(file, line, "it is no JSON: \(problem)")
    }

    private mutating func skipSpace() {
        while let byte = current, " \t\r\n".utf8.contains(byte) {
            if byte == UInt8(ascii: "\n") { line += 1 }
            position += 1
        }
    }

    /// Takes the character, after space, if it comes next.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(DescriptionError) -> Document {
        skipSpace()
        let start = line
        try bounds.add(depth: depth, file: file, line: line)
        let content: Document.Content
        switch current {
        case UInt8(ascii: "{"): content = .mapping(try members(depth: depth))
        case UInt8(ascii: "["): content = .list(try items(depth: depth))
        case UInt8(ascii: "\""): content = .text(try text())
        default: return try word()
        }
        return Document(content, file: file, line: start)
    }

    private mutating func items(depth: Int) throws(DescriptionError) -> [Document] {
        position += 1
        var items: [Document] = []
        if take("]") { return items }
        while true {
            items.append(try value(depth: depth + 1))
            if take("]") { return items }
            guard take(",") else { throw failure("a \",\" or \"]\" is missing in a list") }
        }
    }

    private mutating func members(depth: Int) throws(DescriptionError) -> [(key: String, value: Document)] {
        position += 1
        var members: [(key: String, value: Document)] = []
        var seen: Set<String> = []
        if take("}") { return members }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("a field's name in double quotes is missing") }
            let (key, keyLine) = (try text(), line)
            guard seen.insert(key).inserted else { throw DescriptionError(file, line, "\"\(key.shown)\" stands twice") }
            guard take(":") else { throw failure("a \":\" is missing after \"\(key.shown)\"") }
            var member = try value(depth: depth + 1)
            member.line = keyLine
            members.append((key, member))
            if take("}") { return members }
            guard take(",") else { throw failure("a \",\" or \"}\" is missing after \"\(key.shown)\"") }
        }
    }

    /// A number, `true`, `false` or `null`.
    private mutating func word() throws(DescriptionError) -> Document {
        let start = position
        while let byte = current, !",]}: \t\r\n\"".utf8.contains(byte) { position += 1 }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        let content: Document.Content =
            switch word {
            case "true", "false": .flag(word == "true")
            case "null": .null
            case _ where Self.isNumber(bytes[start..<position]): .number(word)
            case "": throw failure("a value is missing")
            default: throw failure("\"\(word.shown)\" is no value")
            }
        return Document(content, file: file, line: line, written: word)
    }

    private static func isNumber(_ bytes: ArraySlice<UInt8>) -> Bool {
        func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
        let whole = bytes.first == UInt8(ascii: "-") ? bytes.dropFirst() : bytes
        guard let first = whole.first, isDigit(first), let last = whole.last, isDigit(last) else { return false }
        if first == UInt8(ascii: "0"), let next = whole.dropFirst().first, isDigit(next) { return false }
        guard whole.allSatisfy({ isDigit($0) || ".eE+-".utf8.contains($0) }) else { return false }
        return Double(String(decoding: bytes, as: UTF8.self)) != nil
    }

    private mutating func text() throws(DescriptionError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try bounds.text(String(decoding: text, as: UTF8.self), file: file, line: line)
            case UInt8(ascii: "\\"): try appendEscaped(to: &text)
            case 0..<32: throw failure("a text holds a control character; write it as \\n or \\u001b")
            default: text.append(byte)
            }
        }
        throw failure("a text is not closed")
    }

    private mutating func appendEscaped(to text: inout [UInt8]) throws(DescriptionError) {
        guard let escape = current else { throw failure("a text is not closed") }
        position += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"): text += String(Character(try unicodeScalar())).utf8
        default: throw failure("\"\\\" stands before a character that needs none")
        }
    }

    /// The four digits after `\u`, and the second half of a pair.
    private mutating func unicodeScalar() throws(DescriptionError) -> Unicode.Scalar {
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(UInt32(first)) { return scalar }
        if UTF16.isLeadSurrogate(first), bytes[position...].starts(with: #"\u"#.utf8) {
            position += 2
            let second = try codeUnit()
            if UTF16.isTrailSurrogate(second) { return UTF16.decode(UTF16.EncodedScalar([first, second])) }
        }
        throw failure("\\u\(String(first, radix: 16)) is half a character")
    }

    private mutating func codeUnit() throws(DescriptionError) -> UInt16 {
        let digits = bytes[position...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits are missing after \\u") }
        position += 4
        return unit
    }
}
