import BerthModel
import Foundation
import Glibc

/// A Unix socket's path has 107 bytes at most (unix(7)); a deep directory is reached through a link in `/tmp`.
public enum ShortPath {
    /// The directory's own path, or that of a link to it.
    ///
    /// - Parameter room: bytes that are left for what follows the directory.
    /// - Throws: where something that is not ours stands in the link's place.
    public static func of(_ directory: String, room: Int) throws -> String {
        guard directory.utf8.count + room > 107 else { return directory }
        var hasher = StableHasher()
        hasher.combine(directory)
        let link = "/tmp/berth-\(getuid())-\(hasher.text)"
        if symlink(directory, link) == 0 { return link }
        var status = stat()
        guard errno == EEXIST, lstat(link, &status) == 0, status.st_uid == getuid(),
            (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) == directory
        else { throw ExecutionProblem("\(link) is in the way: it is not this user's link to \(directory). Remove it.") }
        return link
    }
}
