import Foundation

/// What users name on the command line: files, and pipes as the shell makes them (`-`, `/dev/stdin`, `<(…)`), whose size
/// nobody knows before they have ended.
enum InputFile {
    /// More than any export of a machine has, in bytes.
    static let largestTopology = 64 << 20

    /// Everything that is in it.
    ///
    /// - Parameter limit: in bytes. One more than that is read, and tells that it is larger.
    static func bytes(of file: String, upTo limit: Int) throws(Failure) -> [UInt8] {
        func failure(_ code: Int32) -> Failure {
            Failure(2, "\(file) cannot be read: \(String(cString: strerror(code))).")
        }
        guard let handle = FileHandle(forReadingAtPath: file == "-" ? "/dev/stdin" : file) else { throw failure(errno) }
        defer { try? handle.close() }
        // Of a directory as well there is a handle.
        guard let data = try? handle.read(upToCount: limit + 1) else { throw failure(EISDIR) }
        return Array(data)
    }

    /// The one word that is in it; nil where it cannot be read.
    static func token(in file: String) -> String? {
        let bytes = try? bytes(of: file, upTo: 4096)
        return bytes.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
    }
}
