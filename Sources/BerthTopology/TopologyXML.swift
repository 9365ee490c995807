/// A topology export from outside, checked before a parser sees it: hwloc's own XML parser crashes on deep nesting,
/// libxml expands entities, and neither says why it refuses a file.
struct TopologyXML {
    static let greatestDepth = 256

    let bytes: [UInt8]

    init(_ xml: [UInt8]) throws(TopologyError) {
        guard xml.count <= Topology.largestExport else { throw .tooLarge(bytes: xml.count) }
        let hasMark = xml.starts(with: [0xEF, 0xBB, 0xBF])
        // Line ends as hwloc's own parser wants them, without a byte order mark.
        var text = (hasMark ? xml.dropFirst(3) : xml[...]).filter { $0 != UInt8(ascii: "\r") }
        while text.last.map({ $0 <= 32 }) == true { text.removeLast() }
        guard let first = text.first(where: { $0 > 32 }) else { throw .unreadable("it is empty") }
        guard first == UInt8(ascii: "<"), !text.contains(0) else { throw .unreadable("it is no XML") }
        let tags = try Tags(text)
        guard let root = tags.root, root.starts(with: "topology".utf8),
            root.dropFirst(8).first.map({ $0 <= 32 }) != false
        else {
            throw .unreadable("its root is no <topology>")
        }
        guard tags.depth <= Self.greatestDepth else { throw .tooDeep }
        if let version = Self.value(of: "version", in: root), version.first.map({ $0 > "2" }) == true {
            throw .unknownFormat(version: String(version.prefix(16)))
        }
        guard text.suffix(11).elementsEqual("</topology>".utf8) else {
            throw .unreadable("it is cut off before </topology>")
        }
        bytes = text + [UInt8(ascii: "\n"), 0]
    }

    private static func value(of attribute: String, in tag: ArraySlice<UInt8>) -> String? {
        guard let name = tag.firstRange(of: Array("\(attribute)=\"".utf8)) else { return nil }
        return String(decoding: tag[name.upperBound...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }

    /// What the tags say, read so that libxml and hwloc's own parser cannot see others: a tag ends with the first `>`,
    /// which stands in no attribute, and what is no element (comments and the like) is skipped as a whole.
    private struct Tags {
        /// The inside of the first element's tag.
        var root: ArraySlice<UInt8>?
        /// Of elements inside one another, the root being 1.
        var depth = 0

        init(_ text: [UInt8]) throws(TopologyError) {
            var open = 0
            var index = text.startIndex
            while let start = text[index...].firstIndex(of: UInt8(ascii: "<")) {
                if let end = try Self.endOfAside(text[start...]) {
                    index = end
                    continue
                }
                let tag = text[(start + 1)...].prefix { $0 != UInt8(ascii: ">") }
                guard tag.endIndex < text.endIndex else { throw .unreadable("it is cut off in a tag") }
                guard Self.closesItsQuotes(tag) else {
                    throw .unreadable("an attribute holds a bare > or <, which no export does")
                }
                if root == nil { root = tag }
                if tag.first == UInt8(ascii: "/") { open -= 1 } else if tag.last != UInt8(ascii: "/") { open += 1 }
                guard open >= 0 else { throw .unreadable("it closes an element that is not open") }
                depth = max(depth, open)
                index = tag.endIndex + 1
            }
        }

        private static func closesItsQuotes(_ tag: ArraySlice<UInt8>) -> Bool {
            var quote: UInt8?
            for byte in tag {
                if byte == UInt8(ascii: "<") { return false }
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                }
            }
            return quote == nil
        }

        /// Where a declaration, comment or the like ends that starts here; nil for an element's tag.
        private static func endOfAside(_ text: ArraySlice<UInt8>) throws(TopologyError) -> Int? {
            func end(_ mark: String) throws(TopologyError) -> Int {
                guard let end = text.firstRange(of: Array(mark.utf8)) else {
                    throw .unreadable("it is cut off before \(mark)")
                }
                return end.upperBound
            }
            if text.starts(with: "<!--".utf8) { return try end("-->") }
            if text.starts(with: "<![CDATA[".utf8) { return try end("]]>") }
            if text.starts(with: "<?".utf8) {
                let end = try end("?>")
                if text.starts(with: "<?xml ".utf8), let encoding = value(of: "encoding", in: text[..<end]),
                    !["utf-8", "us-ascii"].contains(encoding.lowercased())
                {
                    throw .unreadable("it is written in \(encoding.prefix(16)) and not in UTF-8")
                }
                return end
            }
            guard text.starts(with: "<!".utf8) else { return nil }
            let end = try end(">")
            if text[..<end].dropFirst(2).contains(where: { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "<") })
                || !text.starts(with: "<!DOCTYPE".utf8)
            {
                throw .unreadable("it declares entities or elements of its own, which no export does")
            }
            return end
        }
    }
}
