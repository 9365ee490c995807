import BerthModel
import Crypto
import Foundation

extension FileRecord {
    /// Reads a file and says what it holds; a directory or an unreadable file is recorded with the problem.
    ///
    /// - Parameter directory: what a relative path starts from.
    static func of(_ path: String, in directory: String) -> FileRecord {
        let whole = path.hasPrefix("/") ? path : directory + "/" + path
        guard let handle = FileHandle(forReadingAtPath: whole) else {
            return FileRecord(path: whole, problem: String(cString: strerror(errno)))
        }
        defer { try? handle.close() }
        var hash = SHA256()
        var bytes: Int64 = 0
        do {
            while let part = try handle.read(upToCount: 1 << 20), !part.isEmpty {
                hash.update(data: part)
                bytes += Int64(part.count)
            }
        } catch {
            return FileRecord(path: whole, problem: "It could not be read to its end: \(error)")
        }
        return FileRecord(
            path: whole, sha256: hash.finalize().map { String(format: "%02x", $0) }.joined(), bytes: bytes)
    }
}
