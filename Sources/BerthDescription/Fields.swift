import BerthModel

/// A mapping that is being read: every field is asked for once, and what nobody asked for is refused.
struct Fields {
    private let entries: [(key: String, value: Document)]
    private let place: Document
    private var asked: [String] = []
    /// What the mapping describes, for messages: `resources`.
    private let subject: String

    init(_ document: Document, _ subject: String) throws(DescriptionError) {
        guard case .mapping(let entries) = document.content else {
            throw document.failure("\(subject) is a mapping of fields, and here stands \(document.kind)")
        }
        self.entries = entries
        self.subject = subject
        place = document
    }

    /// The field's value, unless it is not there or null.
    mutating func optional(_ name: String) -> Document? {
        asked.append(name)
        guard let value = entries.first(where: { $0.key == name })?.value else { return nil }
        if case .null = value.content { return nil }
        return value
    }

    mutating func required(_ name: String) throws(DescriptionError) -> Document {
        guard let value = optional(name) else { throw place.failure("\(subject) needs the field \"\(name)\"") }
        return value
    }

    /// Everything that was not asked for by name.
    mutating func rest() -> [(key: String, value: Document)] {
        let others = entries.filter { !asked.contains($0.key) }
        asked += others.map(\.key)
        return others
    }

    /// Refuses the fields that nobody asked for.
    func finish() throws(DescriptionError) {
        guard let unknown = entries.first(where: { !asked.contains($0.key) }) else { return }
        let hint =
            unknown.key.nearest(in: asked).map { ". Did you mean \"\($0)\"?" }
            ?? " (there are: \(asked.joined(separator: ", ")))"
        throw unknown.value.failure("unknown field \"\(unknown.key.shown)\" in \(subject)\(hint)")
    }

    // MARK: - Values of common kinds

    mutating func text(_ name: String) throws(DescriptionError) -> String? { try optional(name)?.text(name) }
    mutating func flag(_ name: String) throws(DescriptionError) -> Bool? { try optional(name)?.flag(name) }
    mutating func integer(_ name: String, _ range: ClosedRange<Int>) throws(DescriptionError) -> Int? {
        try optional(name)?.integer(name, range)
    }
    mutating func duration(_ name: String) throws(DescriptionError) -> Duration? { try optional(name)?.duration(name) }
    mutating func bytes(_ name: String) throws(DescriptionError) -> Int64? { try optional(name)?.bytes(name) }
    mutating func texts(_ name: String) throws(DescriptionError) -> [String]? { try optional(name)?.texts(name) }
    mutating func textMapping(_ name: String) throws(DescriptionError) -> [String: String]? {
        guard let document = optional(name) else { return nil }
        guard case .mapping(let entries) = document.content else {
            throw document.failure("\(name) maps names to values, and here stands \(document.kind)")
        }
        var result: [String: String] = [:]
        for (key, value) in entries {
            guard !key.isEmpty else { throw value.failure("\(name) has a name that is empty") }
            result[key] = try value.text("\(name).\(key.shown)")
        }
        return result
    }
}

extension Document {
    /// A text; a number or a flag is taken as it is written, and nothing as an empty text.
    func text(_ name: String) throws(DescriptionError) -> String {
        switch content {
        case .text(let text), .number(let text): return text
        case .flag: return written
        case .null where written.isEmpty: return ""
        case .null:
            throw failure("\(name) is a text, and here stands \(written); put it in quotes if it is meant as a word")
        case .list, .mapping: throw failure("\(name) is a text, and here stands \(kind)")
        }
    }

    func flag(_ name: String) throws(DescriptionError) -> Bool {
        guard case .flag(let flag) = content else { throw failure("\(name) is true or false, and here stands \(kind)") }
        return flag
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws(DescriptionError) -> Int {
        let text: String? =
            switch content {
            case .number(let text), .text(let text): text
            default: nil
            }
        guard let text, let number = Int(text) else {
            throw failure("\(name) is a whole number, and here stands \(kind)")
        }
        guard range.contains(number) else {
            let most = range.upperBound == .max ? "" : " and at most \(range.upperBound)"
            throw failure("\(name) is at least \(range.lowerBound)\(most), and here stands \(number)")
        }
        return number
    }

    func real(_ name: String, _ range: ClosedRange<Double>) throws(DescriptionError) -> Double {
        guard case .number(let text) = content, let number = Double(text), range.contains(number) else {
            throw failure(
                "\(name) is a number from \(range.lowerBound) to \(range.upperBound), and here stands \(kind)")
        }
        return number
    }

    func duration(_ name: String) throws(DescriptionError) -> Duration {
        let text = try text(name)
        guard text.utf8.count <= 64, let duration = Duration(text: text) else {
            throw failure("\(name) is a time like 90s, 10m, 2h30m or 7d, and here stands \(kind)")
        }
        return duration
    }

    func bytes(_ name: String) throws(DescriptionError) -> Int64 {
        let text = try text(name)
        guard text.utf8.count <= 64, let bytes = ByteCount.parse(text) else {
            throw failure("\(name) is a size like 512MiB or 4GiB, and here stands \(kind)")
        }
        return bytes
    }

    func texts(_ name: String) throws(DescriptionError) -> [String] {
        guard case .list(let items) = content else { throw failure("\(name) is a list, and here stands \(kind)") }
        var texts: [String] = []
        for item in items { texts.append(try item.text(name)) }
        return texts
    }

    func list(_ name: String) throws(DescriptionError) -> [Document] {
        guard case .list(let items) = content else { throw failure("\(name) is a list, and here stands \(kind)") }
        return items
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _: Choice.Type) throws(DescriptionError)
        -> Choice
    where Choice.RawValue == String {
        let text = try text(name)
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        let hint = text.nearest(in: known).map { ". Did you mean \"\($0)\"?" } ?? ""
        throw failure("\(name) is one of \(known.joined(separator: ", ")), and here stands \(kind)\(hint)")
    }

    func expression(_ name: String) throws(DescriptionError) -> Expression {
        let text = try text(name)
        do { return try Expression(text) } catch {
            throw failure(
                "\(name): \"\(text.shown)\" is no expression: \(error.problem), at character \(error.position + 1)")
        }
    }

    /// A number, flag, text or list of texts.
    func attribute(_ name: String) throws(DescriptionError) -> AttributeValue {
        switch content {
        case .flag(let flag): .flag(flag)
        case .number(let text) where Double(text)?.isFinite == true: .number(Double(text) ?? 0)
        case .number: throw failure("\(name) is larger than a number can be, and here stands \(kind)")
        case .text(let text): .text(text)
        case .list: .list(try texts(name))
        case .null, .mapping: throw failure("\(name) is a number, a text, a flag or a list, and here stands \(kind)")
        }
    }
}
