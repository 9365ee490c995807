import BerthModel
import Foundation
import Testing

/// The bytes are hashed in journals: they must be Foundation's for ever, whoever writes them.
@Suite struct CanonicalJSONTests {
    private func foundation(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private func expectSame(_ value: some Encodable) throws {
        #expect(try CanonicalJSON.text(of: value) == foundation(value))
    }

    private struct Inner: Encodable {
        var zeta = 1
        var alpha: String?
        var numbers: [String: Double] = ["é": 1, "e\u{301}x": -0.0, "a\"b": 1.5e300, "A\n": 1e16, "": 0.1]
    }

    private enum Choice: Encodable {
        case one(Inner, String)
        case two(x: Int, Inner?)
        case three
    }

    private struct Outer: Encodable {
        var choices: [Choice] = [.one(Inner(), "x"), .two(x: -5, nil), .two(x: .max, Inner()), .three]
        var byNumber = [30: "x", 4: "y"]
        var nested: [[Inner?]] = [[nil, Inner()], []]
        var empty: [String: Int] = [:]
        var largest = UInt64.max
        var small: Float = 0.1
        var flag = true
    }

    /// Uses the containers as no synthesised code does.
    private struct Unusual: Encodable {
        private enum Key: CodingKey { case a, b, c, d, e }
        private struct Nothing: Encodable { func encode(to encoder: any Encoder) {} }

        func encode(to encoder: any Encoder) throws {
            var first = encoder.container(keyedBy: Key.self)
            try first.encode(1, forKey: .e)
            var again = encoder.container(keyedBy: Key.self)
            try again.encode(Nothing(), forKey: .d)
            var nested = again.nestedContainer(keyedBy: Key.self, forKey: .c)
            try nested.encode(2, forKey: .b)
            try nested.encodeNil(forKey: .a)
            var list = again.nestedUnkeyedContainer(forKey: .b)
            try list.encode("x")
            var inList = list.nestedContainer(keyedBy: Key.self)
            try inList.encode(Int8(-3), forKey: .a)
            try list.encodeNil()
            try 1.5.encode(to: again.superEncoder(forKey: .a))
            try "s".encode(to: again.superEncoder())
        }
    }

    @Test func `structures, choices, lists and dictionaries are written as Foundation writes them`() throws {
        try expectSame(Outer())
        try expectSame(["a": Outer(), "B": Outer()])
        try expectSame(Unusual())
    }

    @Test func `numbers, texts and nothing alone are written as Foundation writes them`() throws {
        try expectSame([0.0, 2.5, 1e-7, 1e21, 123_456_789_012_345_680, .leastNonzeroMagnitude])
        try expectSame([Int64.min, .max])
        try expectSame("text")
        try expectSame(7)
        try expectSame(Int?.none)
    }

    @Test func `every character of a text is escaped as Foundation escapes it`() throws {
        let ascii = String(decoding: 0..<128 as Range<UInt8>, as: UTF8.self)
        try expectSame(ascii)
        try expectSame([ascii: "a/b\u{2028}😀\\\"", "ü": ""])
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func `a number that is none is refused`(number: Double) {
        #expect(throws: EncodingError.self) { try CanonicalJSON.bytes(of: ["x": number]) }
    }
}
