import BerthModel
import Testing

@Suite struct ExpressionTests {
    private let node: [String: AttributeValue] = [
        "node.label.zone": .text("b"), "node.cores": .number(64), "cpu.isa": .list(["avx2", "avx512f"]),
        "fast": .flag(true), "node.memory": .number(Double(64 << 30 as Int64)), "gpu.model": .text("NVIDIA H100"),
    ]

    private func holds(_ text: String) throws -> Bool { try Expression(text).holds { node[$0] } }
    private func number(_ text: String) throws -> Double? {
        guard case .number(let number) = try Expression(text).value({ node[$0] }) else { return nil }
        return number
    }

    @Test(
        arguments: [
            "node.label.zone == 'b'", "node.label.zone == \"b\" and cpu.isa has 'avx512f'", "node.cores >= 64",
            "node.memory >= 64GiB", "not (node.cores < 64)", "!(node.cores < 64)", "fast", "fast == true",
            "node.label.zone != 'a' && node.cores > 1", "node.label.zone == 'a' || fast", "gpu.model has 'H100'",
            "node.label.zone < 'c'", "1.5 < 2", "true or nonsense", "'it''s' == 'it' or true",
        ].dropLast())
    func `a constraint holds where the node has what it names`(text: String) throws { #expect(try holds(text)) }

    @Test(arguments: [
        "node.label.zone == 'a'", "cpu.isa has 'avx'", "node.cores", "'true'", "1", "fast == 'true'",
        "node.label.zone > 1", "node.cores has '6'", "not fast", "0/0 == 0/0", "fast < true",
    ])
    func `a constraint does not hold otherwise`(text: String) throws { #expect(!(try holds(text))) }

    @Test(arguments: ["missing == 1", "missing != 1", "missing < 1", "missing has 'x'", "missing", "missing + 1 > 0"])
    func `every comparison with what the node does not have is false`(text: String) throws {
        #expect(!(try holds(text)))
        #expect(try holds("not (\(text))"))
    }

    @Test(
        arguments: [
            ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("2 ^ 3 ^ 2", 512), ("-2 ^ 2", -4), ("8 / 2 / 2", 2),
            ("5 - 2 - 1", 2),
            ("2 * -3", -6), ("2 ^ -1", 0.5), ("16 * 2^10", 16_384), ("1KiB + 1", 1025), ("--3", 3), ("2^0", 1),
        ] as [(String, Double)])
    func `operators bind as in arithmetic`(text: String, value: Double) throws { #expect(try number(text) == value) }

    @Test func `and binds more tightly than or, and not more tightly than both`() throws {
        #expect(try holds("true or true and false"))
        #expect(!(try holds("(true or true) and false")))
        #expect(!(try holds("not true or false")))
        #expect(try holds("not 1 == 2"))
        #expect(try holds("1 + 1 == 2 and 2 < 1 + 2"))
    }

    @Test(arguments: ["1 + 'a'", "'a' + 'b'", "-'a'", "missing * 2", "-missing", "1 + true"])
    func `a sum of what does not go together has no value`(text: String) throws {
        #expect(try Expression(text).value { node[$0] } == nil)
    }

    @Test(arguments: [
        ("", 0), ("1 +", 3), ("(1", 2), ("1)", 1), ("1 2", 2), ("== 1", 0), ("a = 1", 2), ("'a", 0), ("a && ", 5),
        ("5 parsecs", 2), ("5parsecs", 0), ("1.2.3", 0), ("a # b", 2), ("not", 3), ("()", 1), ("a & b", 2),
    ])
    func `what is no expression is refused at the place where it goes wrong`(text: String, position: Int) {
        let error = #expect(throws: ExpressionError.self) { try Expression(text) }
        #expect(error?.position == position)
        #expect(error?.description.contains("at character \(position + 1)") == true)
    }

    @Test(arguments: [
        String(repeating: "(", count: 2000), String(repeating: "not ", count: 1000) + "a",
        String(repeating: "-", count: 4000) + "1", String(repeating: "!", count: 4000) + "a",
        Array(repeating: "2", count: 2000).joined(separator: "^"),
        String(repeating: "(1+", count: 1000) + "1" + String(repeating: ")", count: 1000),
    ])
    func `nesting without end is refused, not followed`(text: String) {
        let error = #expect(throws: ExpressionError.self) { try Expression(text) }
        #expect(error?.problem == "it is nested deeper than 64")
    }

    @Test func `a text of more than 4,096 bytes is refused`() {
        #expect(throws: ExpressionError.self) { try Expression(String(repeating: "a", count: 4097)) }
        #expect(throws: Never.self) { try Expression(String(repeating: "a", count: 4096)) }
    }

    @Test func `a long sum is worked out, however many terms it has`() throws {
        let terms = 2048
        #expect(try number(Array(repeating: "1", count: terms).joined(separator: "+")) == Double(terms))
    }

    @Test func `nesting within the limit is followed`() throws {
        let text = String(repeating: "(", count: 60) + "1" + String(repeating: ")", count: 60)
        #expect(try number(text) == 1)
    }

    @Test func `the names in it are listed once, sorted`() throws {
        #expect(try Expression("b + a * b > node.cores and not c").names == ["a", "b", "c", "node.cores"])
    }
}

@Suite struct MemoryRuleTests {
    private let rule: MemoryRule
    init() throws { rule = try MemoryRule("16 * 2^qubits") }

    @Test(arguments: [(0, 16), (10, 16 << 10), (30, 16 << 30), (58, 1 << 62)] as [(Double, Int64)])
    func `a simulator's state takes sixteen bytes for each amplitude`(qubits: Double, bytes: Int64) {
        #expect(rule.bytes(for: ["qubits": .number(qubits)]) == bytes)
    }

    @Test(arguments: [59, 60, 1000, 5000, 1e300, .infinity, .nan, 28.5] as [Double])
    func `what no machine can hold has no size`(qubits: Double) {
        #expect(rule.bytes(for: ["qubits": .number(qubits)]) == nil)
    }

    @Test func `a name that the request does not say leaves it without a size`() {
        #expect(rule.bytes(for: [:]) == nil)
        #expect(rule.bytes(for: ["qbits": .number(3)]) == nil)
        #expect(rule.bytes(for: ["qubits": .text("28")]) == nil)
    }

    @Test func `a part of a byte is a whole one, and less than nothing is no size`() throws {
        #expect(try MemoryRule("n / 3").bytes(for: ["n": .number(10)]) == 4)
        #expect(try MemoryRule("n - 5").bytes(for: ["n": .number(3)]) == nil)
        #expect(try MemoryRule("1 / n").bytes(for: ["n": .number(0)]) == nil)
        #expect(try MemoryRule("n > 3").bytes(for: ["n": .number(4)]) == nil)
    }
}
