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
        let hint = unknown.key.nearest(in: asked).map { ". Did you mean \"\($0)\"?" } ?? ""
        let all = hint.isEmpty ? " (there are: \(asked.joined(separator: ", ")))" : hint
        let problem = "unknown field \"\(unknown.key)\" in \(subject)\(all)"
        throw unknown.value.failure(problem.hasSuffix("?") ? String(problem) : problem)
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
        for (key, value) in entries { result[key] = try value.text("\(name).\(key)") }
        return result
    }
}

extension Document {
    /// A text; a number or a flag is taken as it is written.
    func text(_ name: String) throws(DescriptionError) -> String {
        switch content {
        case .text(let text), .number(let text): return text
        case .flag(let flag): return flag ? "true" : "false"
        case .null: return ""
        case .list, .mapping: throw failure("\(name) is a text, and here stands \(kind)")
        }
    }

    func flag(_ name: String) throws(DescriptionError) -> Bool {
        guard case .flag(let flag) = content else { throw failure("\(name) is true or false, and here stands \(kind)") }
        return flag
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws(DescriptionError) -> Int {
        let text: String? = switch content { case .number(let text), .text(let text): text; default: nil }
        guard let text, let number = Int(text) else { throw failure("\(name) is a whole number, and here stands \(kind)") }
        guard range.contains(number) else {
            let most = range.upperBound == .max ? "" : " and at most \(range.upperBound)"
            throw failure("\(name) is at least \(range.lowerBound)\(most), and here stands \(number)")
        }
        return number
    }

    func real(_ name: String, _ range: ClosedRange<Double>) throws(DescriptionError) -> Double {
        guard case .number(let text) = content, let number = Double(text), range.contains(number) else {
            throw failure("\(name) is a number from \(range.lowerBound) to \(range.upperBound), and here stands \(kind)")
        }
        return number
    }

    func duration(_ name: String) throws(DescriptionError) -> Duration {
        let text = try text(name)
        guard let duration = Duration(text: text) else {
            throw failure("\(name) is a time like 90s, 10m, 2h30m or 7d, and here stands \(kind)")
        }
        return duration
    }

    func bytes(_ name: String) throws(DescriptionError) -> Int64 {
        guard let bytes = ByteCount.parse(try text(name)) else {
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

    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _: Choice.Type) throws(DescriptionError) -> Choice
    where Choice.RawValue == String {
        let text = try text(name)
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        let hint = text.nearest(in: known).map { "; did you mean \"\($0)\"" } ?? ""
        throw failure("\(name) is one of \(known.joined(separator: ", ")), and here stands \(kind)\(hint)")
    }

    func expression(_ name: String) throws(DescriptionError) -> Expression {
        do { return try Expression(text(name)) } catch let error as DescriptionError { throw error } catch {
            throw failure("\(name): \(error)".trimmingFullStop)
        }
    }

    /// A number, flag, text or list of texts.
    func attribute(_ name: String) throws(DescriptionError) -> AttributeValue {
        switch content {
        case .flag(let flag): .flag(flag)
        case .number(let text): .number(Double(text) ?? 0)
        case .text(let text): .text(text)
        case .list: .list(try texts(name))
        case .null, .mapping: throw failure("\(name) is a number, a text, a flag or a list, and here stands \(kind)")
        }
    }
}

extension String {
    /// Messages get their full stop where they are put together.
    var trimmingFullStop: String { hasSuffix(".") ? String(dropLast()) : self }
}
