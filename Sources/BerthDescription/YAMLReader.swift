// libyaml as Yams carries it. Yams' own tree follows aliases and hashes what they expand to, without a bound.
import CYaml

/// Reads YAML event by event: what comes from outside is counted before anything is built from it.
struct YAMLReader: ~Copyable {
    private enum Event {
        case scalar(String, isPlain: Bool)
        case list, mapping, end, document, stream
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeBufferPointer<UInt8>
    private let file: String
    private var bounds = DocumentBounds()
    /// Of the event that was read last, from 1.
    private var line = 1

    static func documents(_ bytes: [UInt8], file: String) throws(DescriptionError) -> [Document] {
        try bytes.withUnsafeBufferPointer { buffer throws(DescriptionError) in
            var reader = YAMLReader(buffer, file: file)
            return try reader.documents()
        }
    }

    /// - Parameter bytes: outlives the reader.
    private init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) {
        parser = .allocate(capacity: 1)
        self.bytes = bytes
        self.file = file
        precondition(yaml_parser_initialize(parser) == 1, "there is no memory for a YAML parser")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    private mutating func documents() throws(DescriptionError) -> [Document] {
        guard !bytes.isEmpty else { return [] }
        var documents: [Document] = []
        while true {
            switch try next() {
            case .stream: return documents
            case .document: documents.append(try value(next(), depth: 0))
            default: continue
            }
        }
    }

    private mutating func value(_ event: Event, depth: Int) throws(DescriptionError) -> Document {
        let line = line
        try bounds.add(depth: depth, file: file, line: line)
        switch event {
        case .scalar(let text, let isPlain): return try scalar(text, isPlain: isPlain)
        case .list:
            var items: [Document] = []
            while let event = try nextInside() { items.append(try value(event, depth: depth + 1)) }
            return Document(.list(items), file: file, line: line)
        case .mapping:
            var entries: [(key: String, value: Document)] = []
            var seen: Set<String> = []
            while let event = try nextInside() {
                let keyLine = self.line
                guard case .scalar(let key, _) = event else { throw failure("a field's name is a text") }
                guard seen.insert(key).inserted else { throw failure("\"\(key.shown)\" stands twice") }
                var entry = try value(next(), depth: depth + 1)
                entry.line = keyLine
                entries.append((try bounds.text(key, file: file, line: keyLine), entry))
            }
            return Document(.mapping(entries), file: file, line: line)
        case .end, .document, .stream: throw failure("it is no YAML: a value is missing")
        }
    }

    /// YAML 1.2's core schema: only true and false are flags, and `yes` and `on` are texts.
    private func scalar(_ text: String, isPlain: Bool) throws(DescriptionError) -> Document {
        let content: Document.Content =
            switch text {
            case _ where !isPlain: .text(text)
            case "", "~", "null", "Null", "NULL": .null
            case "true", "True", "TRUE": .flag(true)
            case "false", "False", "FALSE": .flag(false)
            case _ where Self.isNumber(text): .number(text)
            default: .text(text)
            }
        return Document(content, file: file, line: line, written: try bounds.text(text, file: file, line: line))
    }

    private static func isNumber(_ text: String) -> Bool {
        text.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || "+-.eE".utf8.contains($0) } && Double(text) != nil
    }

    /// nil at the end of the list or mapping.
    private mutating func nextInside() throws(DescriptionError) -> Event? {
        let event = try next()
        if case .end = event { return nil }
        return event
    }

    private mutating func next() throws(DescriptionError) -> Event {
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else { throw parserFailure() }
            defer { yaml_event_delete(&event) }
            line = event.start_mark.line + 1
            switch event.type {
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                try refuseTag(scalar.tag)
                let text = String(
                    decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
                return .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            case YAML_SEQUENCE_START_EVENT:
                try refuseTag(event.data.sequence_start.tag)
                return .list
            case YAML_MAPPING_START_EVENT:
                try refuseTag(event.data.mapping_start.tag)
                return .mapping
            case YAML_ALIAS_EVENT: throw failure("aliases (*name) are not followed; write the value out")
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .end
            case YAML_DOCUMENT_START_EVENT: return .document
            case YAML_STREAM_END_EVENT: return .stream
            default: continue
            }
        }
    }

    private func refuseTag(_ tag: UnsafeMutablePointer<yaml_char_t>?) throws(DescriptionError) {
        if let tag { throw failure("tags (\(String(cString: tag).shown)) have no meaning here; write the value alone") }
    }

    private func failure(_ problem: String) -> DescriptionError { DescriptionError(file, line, problem) }

    private func parserFailure() -> DescriptionError {
        var problem = parser.pointee.problem.map { String(cString: $0) } ?? "there is no memory for it"
        if problem.hasPrefix("Maximum nesting level") { problem = "it nests far too deep" }
        let place =
            parser.pointee.error == YAML_READER_ERROR
            ? bytes.prefix(parser.pointee.problem_offset).count { $0 == UInt8(ascii: "\n") }
            : parser.pointee.problem_mark.line
        return DescriptionError(file, place + 1, "it is no YAML: \(problem)")
    }
}
