/// JSON with one form for each value: keys in the order of their bytes, no space, nothing escaped that need not be.
/// Journals hash it, so the form never changes: byte for byte it is what Foundation's `JSONEncoder` writes with
/// `.sortedKeys` and `.withoutEscapingSlashes`, at about a tenth of its cost.
public enum CanonicalJSON {
    /// - Throws: an `EncodingError` where a number is not finite.
    public static func bytes(of value: some Encodable) throws -> [UInt8] {
        let writer = CanonicalWriter()
        try writer.write(value: value)
        return writer.bytes
    }

    public static func text(of value: some Encodable) throws -> String {
        String(decoding: try bytes(of: value), as: UTF8.self)
    }
}

/// Writes values as they come, and puts an object's members in order when it is complete.
///
/// Objects and arrays that are open are a stack: whoever writes into one of them completes those above it. So a
/// container is complete when its parent is written to again, which is how `Encodable` types use them.
final class CanonicalWriter {
    // Nobody else has the writer while it writes: checks that say so at run time would cost a third of its time.
    @exclusivity(unchecked) private(set) var bytes: [UInt8] = []
    @exclusivity(unchecked) private var open: [Container] = []
    /// Of all open objects, the innermost one's last.
    @exclusivity(unchecked) private var members: [Member] = []
    /// Whether something is to stand here, after a key for instance. What encodes nothing becomes an empty object.
    @exclusivity(unchecked) private var awaitsValue = true

    private struct Container {
        var isObject: Bool
        /// Its first place in `members`.
        var firstMember: Int
        var isEmpty = true
    }

    private struct Member {
        var key: String
        /// Where its quoted key begins, and where its value ends.
        var start: Int
        var end = 0
    }

    init() { bytes.reserveCapacity(1024) }

    // MARK: - Containers

    /// Begins an object or an array, or goes on with it if one is open at this depth already.
    func begin(isObject: Bool, at depth: Int) {
        guard open.count == depth else { return complete(to: depth + 1) }
        awaitsValue = false
        bytes.append(UInt8(ascii: isObject ? "{" : "["))
        open.append(Container(isObject: isObject, firstMember: members.count))
    }

    /// Begins a member of the object that is the innermost but `depth - 1`.
    func beginMember(_ key: String, at depth: Int) {
        beginElement(at: depth)
        members.append(Member(key: key, start: bytes.count))
        write(text: key)
        bytes.append(UInt8(ascii: ":"))
        awaitsValue = true
    }

    func beginElement(at depth: Int) {
        precondition(depth <= open.count, "a container is not written to after its parent")
        complete(to: depth)
        if !open[depth - 1].isEmpty { bytes.append(UInt8(ascii: ",")) }
        open[depth - 1].isEmpty = false
        awaitsValue = true
    }

    /// Completes all containers but the outermost `depth` ones.
    func complete(to depth: Int) {
        if awaitsValue {
            awaitsValue = false
            bytes.append(UInt8(ascii: "{"))
            bytes.append(UInt8(ascii: "}"))
        }
        while open.count > depth, let container = open.popLast() {
            if container.isObject {
                sortMembers(from: container.firstMember)
                members.removeSubrange(container.firstMember...)
            }
            bytes.append(UInt8(ascii: container.isObject ? "}" : "]"))
        }
    }

    private func sortMembers(from first: Int) {
        guard members.count > first + 1 else { return }
        for index in first..<members.count - 1 { members[index].end = members[index + 1].start - 1 }
        members[members.count - 1].end = bytes.count
        let isSorted = (first + 1..<members.count).allSatisfy { !Self.precedes(members[$0], members[$0 - 1]) }
        guard !isSorted else { return }
        let start = members[first].start
        members[first...].sort(by: Self.precedes)
        var ordered: [UInt8] = []
        ordered.reserveCapacity(bytes.count - start)
        for member in members[first...] {
            if !ordered.isEmpty { ordered.append(UInt8(ascii: ",")) }
            ordered.append(contentsOf: bytes[member.start..<member.end])
        }
        bytes.replaceSubrange(start..., with: ordered)
    }

    private static func precedes(_ left: Member, _ right: Member) -> Bool {
        left.key.utf8.lexicographicallyPrecedes(right.key.utf8)
    }

    // MARK: - Values

    func write(value: some Encodable) throws {
        let depth = open.count
        try value.encode(to: CanonicalEncoder(writer: self, depth: depth))
        complete(to: depth)
    }

    func writeNil() { write(literal: "null") }
    func write(flag: Bool) { write(literal: flag ? "true" : "false") }
    func write(integer number: some BinaryInteger) { write(literal: String(number)) }

    func write(fraction number: some BinaryFloatingPoint & CustomStringConvertible) throws {
        guard number.isFinite else {
            let problem = "JSON has no form for \(number)."
            throw EncodingError.invalidValue(number, EncodingError.Context(codingPath: [], debugDescription: problem))
        }
        let text = number.description
        write(literal: text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    private func write(literal: String) {
        awaitsValue = false
        bytes.append(contentsOf: literal.utf8)
    }

    func write(text: String) {
        awaitsValue = false
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var done = 0
            for (index, byte) in utf8.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
                bytes.append(contentsOf: utf8[done..<index])
                bytes.append(contentsOf: Self.escaped(byte))
                done = index + 1
            }
            bytes.append(contentsOf: utf8[done...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Source: RFC 8259, section 7.
    private static func escaped(_ byte: UInt8) -> String.UTF8View {
        switch byte {
        case UInt8(ascii: "\""): #"\""#.utf8
        case UInt8(ascii: "\\"): #"\\"#.utf8
        case 0x08: #"\b"#.utf8
        case 0x0C: #"\f"#.utf8
        case UInt8(ascii: "\n"): #"\n"#.utf8
        case UInt8(ascii: "\r"): #"\r"#.utf8
        case UInt8(ascii: "\t"): #"\t"#.utf8
        default: (#"\u00"# + (byte < 0x10 ? "0" : "") + String(byte, radix: 16)).utf8
        }
    }
}
