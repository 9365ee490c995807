import Foundation
import Yams

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

    public static let largestSize = 1 << 20
    static let mostNodes = 100_000
    static let greatestDepth = 64

    /// Reads YAML (of which JSON is a part): one tree for each document in it.
    ///
    /// - Throws: a `DescriptionError` for what is too large, too deep, not UTF-8 or not YAML, and for keys that stand
    ///   twice. Aliases are not followed: what they would expand to has no bound.
    public static func all(_ bytes: [UInt8], file: String) throws(DescriptionError) -> [Document] {
        guard bytes.count <= largestSize else {
            throw DescriptionError(file, nil, "it has \(bytes.count) bytes; a description has at most \(largestSize)")
        }
        guard let text = String(validating: bytes, as: UTF8.self), !text.contains("\0") else {
            throw DescriptionError(file, nil, "it is no text in UTF-8")
        }
        guard depth(ofFlow: bytes) <= greatestDepth else {
            throw DescriptionError(file, nil, "it nests deeper than \(greatestDepth)")
        }
        var count = 0
        var documents: [Document] = []
        do {
            for node in try Yams.compose_all(yaml: text, Resolver.default, Constructor.default) {
                documents.append(try Document(node, file: file, depth: 0, count: &count))
            }
        } catch let error as DescriptionError {
            throw error
        } catch let error as YamlError {
            throw DescriptionError(error, file: file)
        } catch {
            throw DescriptionError(file, nil, "it cannot be read: \(error)")
        }
        return documents.filter { if case .null = $0.content { false } else { true } }
    }

    /// Brackets can be nested without bound before the parser says anything.
    private static func depth(ofFlow bytes: [UInt8]) -> Int {
        var depth = 0
        var deepest = 0
        for byte in bytes {
            if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
            if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { depth = max(0, depth - 1) }
            deepest = max(deepest, depth)
        }
        return deepest
    }

    private init(_ node: Node, file: String, depth: Int, count: inout Int) throws(DescriptionError) {
        self.file = file
        line = node.mark?.line ?? 1
        count += 1
        guard count <= Self.mostNodes, depth <= Self.greatestDepth else {
            throw DescriptionError(file, line, "it holds more than a description can (\(Self.mostNodes) values, \(Self.greatestDepth) deep)")
        }
        switch node {
        case .scalar(let scalar): content = Self.scalar(scalar)
        case .sequence(let sequence):
            var items: [Document] = []
            for item in sequence { items.append(try Document(item, file: file, depth: depth + 1, count: &count)) }
            content = .list(items)
        case .mapping(let mapping):
            var entries: [(key: String, value: Document)] = []
            var seen: Set<String> = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw DescriptionError(file, key.mark?.line ?? line, "a field's name is a text")
                }
                guard seen.insert(name.string).inserted else {
                    throw DescriptionError(file, key.mark?.line ?? line, "\"\(name.string)\" stands twice")
                }
                var entry = try Document(value, file: file, depth: depth + 1, count: &count)
                entry.line = key.mark?.line ?? entry.line
                entries.append((name.string, entry))
            }
            content = .mapping(entries)
        case .alias:
            throw DescriptionError(file, line, "aliases (*name) are not followed; write the value out")
        }
    }

    /// YAML 1.2's core schema: only true and false are flags, and `yes` and `on` are texts.
    private static func scalar(_ scalar: Node.Scalar) -> Content {
        let text = scalar.string
        guard scalar.style == .plain || scalar.style == .any else { return .text(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .flag(true)
        case "false", "False", "FALSE": return .flag(false)
        default:
            let isNumeric = text.allSatisfy { $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }
            return isNumeric && Double(text) != nil ? .number(text) : .text(text)
        }
    }

    /// What it is, for messages.
    var kind: String {
        switch content {
        case .null: "nothing"
        case .flag: "true or false"
        case .number(let text): "the number \(text)"
        case .text(let text): "the text \"\(text.prefix(40))\""
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }

    func failure(_ problem: String) -> DescriptionError { DescriptionError(file, line, problem) }
}

/// What is wrong with a description, and where.
public struct DescriptionError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ file: String, _ line: Int?, _ problem: String) {
        description = "\(file)\(line.map { ":\($0)" } ?? ""): \(problem)."
    }

    public init(_ sentence: String) { description = sentence }

    init(_ error: YamlError, file: String) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(file, mark.line, "it is no YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.sorted().joined(separator: ", ")
            self.init(file, context.mark.line, "\"\(names)\" stands twice")
        default: self.init(file, nil, "it is no YAML: \(error)")
        }
    }
}
