/// A file that goes along with a job, for nodes that do not share a file system with whoever submits it. The controller
/// keeps its content, by the digest.
public struct StagedFile: Hashable, Sendable, Codable {
    /// Under which name the job finds it in `BERTH_INPUT_DIR`: relative, as `DirectoryManifest.isWellFormed` has it.
    public var path: String
    /// SHA-256, hexadecimal in lower case.
    public var sha256: String
    public var bytes: Int64

    public init(path: String, sha256: String, bytes: Int64) {
        self.path = path
        self.sha256 = sha256
        self.bytes = bytes
    }

    /// Whether a text is a digest as it is written here; such a one is also a safe name for a file.
    public static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}
