import BerthDescription
import BerthModel
import Testing

/// Descriptions come from outside. Whatever they hold, the answer comes at once and is a sentence.
@Suite(.timeLimit(.minutes(20)))
struct HostileDescriptionTests {
    static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
    static let half = 500_000

    static let hostile: [(name: String, text: String)] = [
        ("lists in lists", repeated("[", half)),
        ("lists in lists, closed", repeated("[", half) + repeated("]", half)),
        ("mappings in mappings", repeated("{a: ", 200_000)),
        ("JSON in JSON", repeated("{\"a\":", 200_000)),
        ("dashes in dashes", repeated("- ", half)),
        ("keys in keys", repeated("? ", half)),
        ("indented deeper and deeper", (0..<1000).map { repeated(" ", $0) + "a:\n" }.joined()),
        ("an open quote", "name: \"" + repeated("a", 1_000_000)),
        ("one long word", repeated("a", 1_000_000)),
        ("one long key", "? " + repeated("a", 900_000) + "\n: 1\ncommand: [run]"),
        ("one long JSON key", "{\"" + repeated("a", 900_000) + "\": 1}"),
        ("one long choice", "command: [run]\nretry: {on: [\(repeated("a", 900_000))]}"),
        ("many values", "command: [" + repeated("a,", 400_000) + "a]"),
        ("many fields", (0..<90_000).map { "f\($0): 1\n" }.joined()),
        ("many documents", repeated("---\na\n", 150_000)),
        ("many anchors", "command: [run]\nlabels:\n" + (0..<30_000).map { " a\($0): &a\($0) x\n" }.joined() + "x: 1"),
        ("colons", repeated(":", 1_000_000)),
        ("question marks", repeated("?\n", half)),
        ("exclamation marks", repeated("! ", half)),
        ("percent signs", repeated("%a\n", 300_000)),
        ("escapes", "name: \"" + repeated("\\", 999_000)),
        ("surrogates alone", "{\"name\": \"\\ud800\", \"command\": [\"a\"]}"),
        ("a reversed pair", "{\"name\": \"\\udc00\\ud800\", \"command\": [\"a\"]}"),
        ("control characters", "name: a\u{1}b\ncommand: [run]"),
        (
            "laughs of laughs",
            "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
                + (1..<12).map { "a\($0): &a\($0) [" + repeated("*a\($0 - 1),", 9) + "*a\($0 - 1)]\n" }.joined()
        ),
        (
            "laughs of laughs in a key",
            "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
                + (1..<12).map { "a\($0): &a\($0) [" + repeated("*a\($0 - 1),", 9) + "*a\($0 - 1)]\n" }.joined()
                + "? *a11\n: 1\n"
        ),
        ("an alias of itself", "a: &a [*a]"),
        ("a merge", "base: &b {queue: spot}\ncommand: [run]\n<<: *b"),
        ("a nest of expressions", "command: [run]\nconstraints: [\"" + repeated("(", 4000) + "\"]"),
        ("a long expression", "command: [run]\nconstraints: [\"" + repeated("not ", 100_000) + "a\"]"),
        (
            "descending indices",
            "command: [run]\narray: {indices: \"" + (0..<150_000).reversed().map { "\($0 * 2)" }.joined(separator: ",")
                + ",x\"}"
        ),
        ("many digits", "command: [run]\nresources: {cpus: " + repeated("9", 900_000) + "}"),
        ("many digits of a size", "command: [run]\nresources: {memory: " + repeated("9", 900_000) + "GiB}"),
        ("many units of a time", "command: [run]\ntimeLimit: " + repeated("1h", 400_000) + "x"),
        ("an endless name", "command: [run]\nname: e" + repeated("\u{301}", 400_000)),
    ]

    @Test(arguments: hostile.map(\.name))
    func `a hostile description is refused with one line`(name: String) throws {
        let text = try #require(Self.hostile.first { $0.name == name }).text
        let refusal = try #require(Written.refusal(of: text))
        #expect(refusal.utf8.count < 1000)
        #expect(refusal.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 })
        #expect(throws: DescriptionError.self) { _ = try AgentConfiguration(Array(text.utf8), file: "agent.yaml") }
        #expect(throws: DescriptionError.self) { _ = try JobDescription.submission(Array(text.utf8), Written.context) }
        #expect(throws: DescriptionError.self) {
            _ = try JobDescription.submission(Array("{\"key\":\"k\",\"jobs\":[\(text)]}".utf8), Written.context)
        }
    }

    @Test func `ten megabytes of anything are refused by their size`() {
        let refusal = Written.refusal(of: [UInt8](repeating: UInt8(ascii: "a"), count: 10 << 20))
        #expect(refusal == "job.yaml: it has 10485760 bytes; a description has at most 1048576.")
    }

    @Test(
        arguments: [
            [0xFF, 0xFE, 0x61, 0x00], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x61, 0x00], [0x61, 0x3A, 0x20, 0xE2, 0x82],
        ] as [[UInt8]])
    func `bytes that are no UTF-8 are refused`(bytes: [UInt8]) {
        #expect(Written.refusal(of: bytes) == "job.yaml: it is no text in UTF-8.")
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `a damaged description is read or refused, and never crashes`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes = Array(JobDescriptionTests.everything.utf8)
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes.remove(at: place)
            case 1:
                bytes[place] = Array(" \n\t:-[]{}\"'&*!|>#%@,?0a\\\u{7F}\u{E9}".utf8).randomElement(using: &random) ?? 0
            default:
                bytes.insert(
                    contentsOf: bytes[place...].prefix(20), at: Int.random(in: 0..<bytes.count, using: &random))
            }
        }
        if let refusal = Written.refusal(of: bytes) {
            #expect(refusal.hasPrefix("job.yaml:"))
            #expect(refusal.unicodeScalars.allSatisfy { $0.value >= 32 })
        }
    }

    @Test(arguments: [
        "{}", "[]", "{\"key\":\"k\"}", "{\"jobs\":[]}", "{\"key\":\"\",\"jobs\":[]}", "{\"key\":\"k\",\"jobs\":{}}",
        "{\"key\":\"k\",\"jobs\":[1]}", "{\"key\":\"k\",\"jobs\":[],\"more\":1}", "{\"key\":\"k\",\"jobs\":[]} x",
        "{\"key\":\"k\",\"jobs\":[],}", "{\"key\":\"k\" \"jobs\":[]}", "{'key':'k','jobs':[]}", "key: k\njobs: []",
        "{\"key\":01,\"jobs\":[]}",
        "{\"key\":\"k\",\"key\":\"l\",\"jobs\":[]}", "{\"key\":\"a\nb\",\"jobs\":[]}", "{\"key\":\"\\x\",\"jobs\":[]}",
        "{\"key\":\"\\u00\",\"jobs\":[]}", "{\"key\":\"\\u0000\",\"jobs\":[]}", "{\"key\":NaN,\"jobs\":[]}",
        "{\"key\":+1,\"jobs\":[]}",
        "{\"key\":.5,\"jobs\":[]}", "{\"key\":1.,\"jobs\":[]}", "{\"key\":1e,\"jobs\":[]}", "{\"key\":tru,\"jobs\":[]}",
        "", " ", "\"", "{", "{\"a\"",
    ])
    func `what is no submission is refused`(text: String) {
        #expect(throws: DescriptionError.self) { _ = try JobDescription.submission(Array(text.utf8), Written.context) }
    }

    @Test func `a key of more than 200 bytes is refused`() {
        let text = "{\"key\":\"" + Self.repeated("k", 201) + "\",\"jobs\":[]}"
        #expect(throws: DescriptionError.self) { _ = try JobDescription.submission(Array(text.utf8), Written.context) }
    }
}
