/// A topology export from outside, checked before a parser sees it: hwloc's own XML parser crashes on deep nesting,
/// libxml expands entities, and neither says why it refuses a file.
struct TopologyXML {
    static let largestSize = 16 << 20
    static let greatestDepth = 256

    let bytes: [UInt8]

    init(_ xml: [UInt8]) throws(TopologyError) {
        guard xml.count <= Self.largestSize else { throw .tooLarge(bytes: xml.count) }
        let hasMark = xml.starts(with: [0xEF, 0xBB, 0xBF])
        // Line ends as hwloc's own parser wants them, without a byte order mark.
        var text = (hasMark ? xml.dropFirst(3) : xml[...]).filter { $0 != UInt8(ascii: "\r") }
        while text.last.map({ $0 <= 32 }) == true { text.removeLast() }
        guard let first = text.first(where: { $0 > 32 }) else { throw .unreadable("it is empty") }
        guard first == UInt8(ascii: "<"), !text.contains(0) else { throw .unreadable("it is no XML") }
        for forbidden in ["<!ENTITY", "<!ELEMENT", "<!ATTLIST"] where text.firstRange(of: Array(forbidden.utf8)) != nil {
            throw .unreadable("it declares entities or elements of its own, which no export does")
        }
        guard let root = text.firstRange(of: Array("<topology".utf8)) else {
            throw .unreadable("its root is no <topology>")
        }
        guard Self.depth(of: text) <= Self.greatestDepth else { throw .tooDeep }
        if let version = Self.version(text[root.upperBound...]), version.first.map({ $0 > "2" }) == true {
            throw .unknownFormat(version: version)
        }
        guard text.suffix(11).elementsEqual("</topology>".utf8) else {
            throw .unreadable("it is cut off before </topology>")
        }
        bytes = text + [UInt8(ascii: "\n"), 0]
    }

    /// The `version` attribute of the root element whose rest this is.
    private static func version(_ rest: ArraySlice<UInt8>) -> String? {
        let tag = rest.prefix { $0 != UInt8(ascii: ">") }
        guard let name = tag.firstRange(of: Array("version=\"".utf8)) else { return nil }
        return String(decoding: tag[name.upperBound...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }

    /// The deepest nesting of elements, by counting tags; quoted `>` in attributes do not occur unescaped in exports.
    private static func depth(of text: [UInt8]) -> Int {
        var depth = 0
        var deepest = 0
        var index = 0
        while let open = text[index...].firstIndex(of: UInt8(ascii: "<")), open + 1 < text.count {
            let close = text[open...].firstIndex(of: UInt8(ascii: ">")) ?? text.count - 1
            switch text[open + 1] {
            case UInt8(ascii: "/"): depth -= 1
            case UInt8(ascii: "!"), UInt8(ascii: "?"): break
            default: if text[close - 1] != UInt8(ascii: "/") { depth += 1 }
            }
            deepest = max(deepest, depth)
            index = close + 1
        }
        return deepest
    }
}
