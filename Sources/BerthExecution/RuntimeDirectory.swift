import BerthModel
import CLinux
import Foundation
import Glibc

/// Where an agent keeps what lives no longer than this boot: orders, records and sockets of attempts.
///
/// On a file system in memory if there is one, since an attempt makes a dozen small files and removes them again: an
/// ext4 without a journal, for one, searches past every inode that was removed in the last minute. What a crash of the
/// machine takes away with it are attempts that the crash has ended as well; the controller runs them again.
enum RuntimeDirectory {
    /// The directory for a state directory's attempts, made if it is not there; the state directory has a link to it.
    static func attempts(of stateDirectory: String) throws -> String {
        let link = stateDirectory + "/attempts"
        // Where an earlier agent has left attempts, there they are, even if this one would choose another place.
        if let entries = try? FileManager.default.contentsOfDirectory(atPath: link + "/"), !entries.isEmpty {
            let place = (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) ?? link
            try make(place)
            return place
        }
        guard let parent = memoryFileSystem() else {
            try make(link)
            return link
        }
        var hasher = StableHasher()
        hasher.combine(stateDirectory)
        let directory = parent + "/berth-\(getuid())-\(hasher.text)"
        try make(directory)
        if symlink(directory, link) != 0 {
            guard errno == EEXIST else { throw ExecutionProblem("\(link) cannot be made", errno) }
            guard (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) != directory else {
                return directory
            }
            // A directory of its own, or a link of another boot's: it goes if nothing is in it.
            guard unlink(link) == 0 || rmdir(link) == 0, symlink(directory, link) == 0 else {
                throw ExecutionProblem("\(link) cannot be replaced by a link to \(directory)", errno)
            }
        }
        return directory
    }

    /// Removes the directory if no attempt is left in it.
    static func leave(_ directory: String) { rmdir(directory) }

    /// A directory of ours that nobody else may look into. Of a root agent, others may pass through it: each attempt's own
    /// directory in it lets in whom it is for.
    private static func make(_ path: String) throws {
        let isRoot = getuid() == 0
        guard mkdir(path, isRoot ? 0o711 : 0o700) != 0 else { return }
        var status = stat()
        guard errno == EEXIST, lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid(),
            status.st_mode & 0o022 == 0
        else { throw ExecutionProblem("\(path) cannot be used: it is not this user's own directory. Remove it.") }
        if isRoot { chmod(path, 0o711) }
    }

    private static func memoryFileSystem() -> String? {
        // Root's own runtime directory lets nobody through to what is in it.
        let own = getuid() == 0 ? nil : ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"]
        return [own, "/run", "/dev/shm"].compactMap(\.self).first { path in
            berth_is_in_memory(path) == 1 && access(path, W_OK | X_OK) == 0
        }
    }
}
