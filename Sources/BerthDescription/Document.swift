/// A file that people write, as a tree in which each part knows its line.
public struct Document: Sendable {
    public indirect enum Content: Sendable {
        case null
        case flag(Bool)
        /// As it was written.
        case number(String)
        case text(String)
        case list([Document])
        /// In the order of the file; no key twice.
        case mapping([(key: String, value: Document)])
    }

    public var content: Content
    /// The file's name, for messages.
    public var file: String
    /// From 1.
    public var line: Int
    /// How a null or a flag was written: `True`, `~`, or nothing at all.
    var written = ""

    public static let largestSize = 1 << 20
    static let mostNodes = 100_000
    static let greatestDepth = 64

    init(_ content: Content, file: String, line: Int, written: String = "") {
        self.content = content
        self.file = file
        self.line = line
        self.written = written
    }

    /// Reads YAML or JSON: one tree for each document in it.
    ///
    /// - Throws: a `DescriptionError` for what is too large, too deep, not UTF-8 or not YAML, for keys that stand twice,
    ///   and for aliases: what they would expand to has no bound.
    public static func all(_ bytes: [UInt8], file: String) throws(DescriptionError) -> [Document] {
        let text = try checked(bytes, file: file)
        let first = text.first { !" \t\r\n".utf8.contains($0) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
            let document = try? JSONReader.document(text, file: file)
        {
            return [document]
        }
        return try YAMLReader.documents(text, file: file).filter { if case .null = $0.content { false } else { true } }
    }

    /// Reads a file that holds one document or nothing.
    static func only(_ bytes: [UInt8], file: String) throws(DescriptionError) -> Document? {
        let documents = try all(bytes, file: file)
        if documents.count > 1 {
            throw documents[1].failure(
                "a second document stands here, and this file has one; take out the \"---\" above it")
        }
        return documents.first
    }

    /// Reads JSON alone.
    static func json(_ bytes: [UInt8], file: String) throws(DescriptionError) -> Document {
        try JSONReader.document(checked(bytes, file: file), file: file)
    }

    /// The bytes without a byte order mark.
    private static func checked(_ bytes: [UInt8], file: String) throws(DescriptionError) -> [UInt8] {
        guard bytes.count <= largestSize else {
            throw DescriptionError(file, nil, "it has \(bytes.count) bytes; a description has at most \(largestSize)")
        }
        guard String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(0) else {
            throw DescriptionError(file, nil, "it is no text in UTF-8")
        }
        return bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    /// What it is, for messages.
    var kind: String {
        switch content {
        case .null: "nothing"
        case .flag: "true or false"
        case .number(let text): "the number \(text.shown)"
        case .text(let text): "the text \"\(text.shown)\""
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }

    func failure(_ problem: String) -> DescriptionError { DescriptionError(file, line, problem) }
}

/// How much a tree has grown while it is read: what comes from outside has bounds.
struct DocumentBounds {
    private var count = 0

    mutating func add(depth: Int, file: String, line: Int) throws(DescriptionError) {
        count += 1
        guard count <= Document.mostNodes, depth <= Document.greatestDepth else {
            throw DescriptionError(
                file, line,
                "it holds more than a description can (\(Document.mostNodes) values, nested \(Document.greatestDepth) deep)"
            )
        }
    }

    /// A text that programs can be given.
    func text(_ text: String, file: String, line: Int) throws(DescriptionError) -> String {
        if text.utf8.contains(0) {
            throw DescriptionError(file, line, "a text holds a NUL character, which no program can be given")
        }
        return text
    }
}

/// What is wrong with a description, and where.
public struct DescriptionError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ file: String, _ line: Int?, _ problem: String) {
        let stop = problem.hasSuffix("?") || problem.hasSuffix(".") ? "" : "."
        description = "\(file)\(line.map { ":\($0)" } ?? ""): \(problem)\(stop)"
    }

    public init(_ sentence: String) { description = sentence }
}

extension String {
    /// A text from outside as it can stand in a message: its first forty characters, none of which moves the cursor.
    var shown: String {
        let scalars = prefix(40).unicodeScalars.prefix(160).map { $0.isControl ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(scalars)) + (scalars.count < unicodeScalars.prefix(161).count ? "…" : "")
    }
}

extension Unicode.Scalar {
    /// Whether a terminal may take it for a command or a new line.
    var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
