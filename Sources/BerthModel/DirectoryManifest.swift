/// What is in a directory: its files by path, each with its size and digest. It travels ahead of a checkpoint that moves
/// between nodes, and the digest of its text stands for the whole directory.
///
/// It may come from another node, so nothing in it is believed before `check()` has passed.
public struct DirectoryManifest: Hashable, Sendable, Codable {
    /// Most entries, and longest path in bytes.
    public static let maximumCount = 100_000
    public static let maximumPathBytes = 4096

    /// Sorted by their paths' bytes.
    public var entries: [Entry]

    public struct Entry: Hashable, Sendable, Codable {
        /// Relative to the directory, without `.` and `..`.
        public var path: String
        public var content: Content

        public init(path: String, content: Content) {
            self.path = path
            self.content = content
        }
    }

    public enum Content: Hashable, Sendable, Codable {
        /// - Parameter sha256: hexadecimal, small letters.
        case file(bytes: Int64, sha256: String)
        /// A symbolic link within the directory.
        case link(target: String)
        /// A directory with nothing in it; others follow from the paths of what is in them.
        case emptyDirectory
    }

    public init(entries: [Entry]) {
        self.entries = entries.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// Of all files together.
    public var bytes: Int64 {
        entries.reduce(0) { sum, entry in
            guard case .file(let bytes, _) = entry.content else { return sum }
            return sum.addingReportingOverflow(bytes).overflow ? .max : sum + bytes
        }
    }
    public var fileCount: Int { entries.count { if case .file = $0.content { true } else { false } } }

    /// What the directory's digest is taken of: an entry a line, `file BYTES SHA256 PATH`, `link PATH TARGET` or
    /// `directory PATH`. In paths and targets, spaces, `%` and control characters stand as `%XX`.
    public var text: String {
        entries.map { entry in
            let path = Self.escaped(entry.path)
            return switch entry.content {
            case .file(let bytes, let sha256): "file \(bytes) \(sha256) \(path)\n"
            case .link(let target): "link \(path) \(Self.escaped(target))\n"
            case .emptyDirectory: "directory \(path)\n"
            }
        }.joined()
    }

    /// That a directory can be made from it, and that nothing outside of that directory would be touched.
    public func check() throws(ManifestProblem) {
        guard entries.count <= Self.maximumCount else {
            throw ManifestProblem("It has \(entries.count) entries; \(Self.maximumCount) are the most.")
        }
        var leaves: Set<String> = []
        for entry in entries {
            guard Self.isWellFormed(entry.path) else {
                throw ManifestProblem("\"\(entry.path.prefix(200))\" is no path within a directory.")
            }
            guard leaves.insert(entry.path).inserted else {
                throw ManifestProblem("\"\(entry.path.prefix(200))\" stands twice.")
            }
            try Self.check(entry)
        }
        for entry in entries {
            // A file or link has nothing in it: what would lie there could lie anywhere.
            for parent in Self.parents(of: entry.path) where leaves.contains(parent) {
                throw ManifestProblem("\"\(entry.path.prefix(200))\" lies in \"\(parent)\", which is no directory.")
            }
        }
        guard bytes < .max else { throw ManifestProblem("Its files are larger than 8 EiB together.") }
    }

    private static func check(_ entry: Entry) throws(ManifestProblem) {
        switch entry.content {
        case .file(let bytes, let sha256):
            let isDigest = sha256.utf8.count == 64 && sha256.utf8.allSatisfy { isHexadecimal($0) }
            guard bytes >= 0, isDigest else {
                throw ManifestProblem("The size or the digest of \"\(entry.path.prefix(200))\" is none.")
            }
        case .link(let target):
            guard staysInside(target, from: entry.path) else {
                throw ManifestProblem(
                    "The link \"\(entry.path.prefix(200))\" leads out of its directory, to \"\(target.prefix(200))\".")
            }
        case .emptyDirectory: break
        }
    }

    /// Whether it is relative, without empty parts, `.` and `..`, and no longer than Linux takes.
    public static func isWellFormed(_ path: String) -> Bool {
        guard path.utf8.count <= maximumPathBytes, !path.utf8.contains(0) else { return false }
        return path.utf8.split(separator: slash, omittingEmptySubsequences: false).allSatisfy(isName)
    }

    /// Whether a link at `path` with this target stays within the directory. It may climb first, by as many steps as the
    /// link lies deep, and only descend then: climbing from where another link has led could end anywhere.
    private static func staysInside(_ target: String, from path: String) -> Bool {
        guard !target.isEmpty, target.utf8.count <= maximumPathBytes, !target.utf8.contains(0) else { return false }
        let parts = target.utf8.split(separator: slash, omittingEmptySubsequences: false)
        let climb = parts.prefix { $0.elementsEqual("..".utf8) }.count
        return climb <= parents(of: path).count && parts.dropFirst(climb).allSatisfy(isName)
    }

    private static let slash = UInt8(ascii: "/")

    private static func isName(_ part: Substring.UTF8View) -> Bool {
        !part.isEmpty && part.count <= 255 && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }

    /// `a`, `a/b` of `a/b/c`.
    private static func parents(of path: String) -> [String] {
        path.utf8.indices.filter { path.utf8[$0] == slash }.map { String(path[..<$0]) }
    }

    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte <= 32 || byte == 127 || byte == UInt8(ascii: "%") {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Why a manifest cannot be followed, in a sentence.
public struct ManifestProblem: Error, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ sentence: String) { description = sentence }
}
