/// Files that go along with jobs, by their digests.
public struct FileDigests: Codable, Sendable, Hashable {
    /// SHA-256, hexadecimal in lower case.
    public var sha256: [String]

    public init(sha256: [String]) { self.sha256 = sha256 }
}
