package import BerthModel
import CLinux
import Foundation
import Glibc

/// The checkpoint directories that Berth keeps on a node, one for each task, the same for all its attempts there. What is
/// fetched from another node is gathered beside and put in place in one step.
package struct CheckpointStore: Sendable {
    package let path: String

    /// - Parameter path: of a directory; it is made if it is not there. What an agent that died left half put in place is
    ///   put right, and what was gathered more than a day ago is removed.
    package init(path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // Jobs of other users pass through it to their own directories.
        guard chmod(path, 0o711) == 0 else { throw ExecutionProblem("\(path) is not the agent's own", errno) }
        for name in try FileManager.default.contentsOfDirectory(atPath: path) { repair(name) }
    }

    package func directory(of task: TaskID) -> String { path + "/\(task)" }
    func gatheringDirectory(of task: TaskID) -> String { path + "/" + Self.gathering + "\(task)" }

    private static let gathering = ".partial-"
    private static let replaced = ".old-"

    private func repair(_ name: String) {
        let whole = path + "/" + name
        var status = stat()
        if name.hasPrefix(Self.replaced) {
            // Between the two renames, or after them.
            let place = path + "/" + name.dropFirst(Self.replaced.count)
            if rename(whole, place) != 0 { try? FileManager.default.removeItem(atPath: whole) }
        } else if name.hasPrefix(Self.gathering), stat(whole, &status) == 0,
            FileIdentity(status).age(at: .now) > .seconds(86_400)
        {
            try? FileManager.default.removeItem(atPath: whole)
        }
    }

    /// Puts what was gathered in the place of what the task has here, and removes that.
    func install(_ task: TaskID) throws {
        let (gathered, place) = (gatheringDirectory(of: task), directory(of: task))
        if berth_exchange(gathered, place) == 0 {
            try? FileManager.default.removeItem(atPath: gathered)
        } else if errno == ENOENT {
            guard rename(gathered, place) == 0 else { throw ExecutionProblem("\(place) cannot be put in place", errno) }
        } else {
            // A file system that cannot exchange; `init` knows what to do if we die between the two.
            let old = path + "/" + Self.replaced + "\(task)"
            guard rename(place, old) == 0, rename(gathered, place) == 0 else {
                throw ExecutionProblem("\(place) cannot be put in place", errno)
            }
            try? FileManager.default.removeItem(atPath: old)
        }
        let parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if parent >= 0 {
            fsync(parent)
            close(parent)
        }
    }

    /// Removes the directory of a task that has saved nothing: most tasks never do. Its next attempt makes it again.
    package func removeIfEmpty(_ task: TaskID) { rmdir(directory(of: task)) }

    /// A part of a file that a task has saved here.
    package func part(_ request: DataRequest, of file: String) -> DataPart {
        guard DirectoryManifest.isWellFormed(file) else {
            return DataPart(problem: "\"\(file.prefix(200))\" is no path within a checkpoint directory.")
        }
        let root = open(directory(of: request.task), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard root >= 0 else { return DataPart(problem: Self.absence(of: request.task)) }
        defer { close(root) }
        let descriptor = openBeneath(root, file, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else {
            return DataPart(problem: "\(file) cannot be read: \(String(cString: strerror(errno))).")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return DataPart(problem: "\(file) is no file.")
        }
        let limit = Int(min(request.limit, DataPart.maximumBytes))
        let data = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, limit, off_t(clamping: request.offset)))
        }
        return DataPart(data: data, total: UInt64(status.st_size))
    }

    /// Everything that a task has saved here.
    func manifest(of task: TaskID, hasher: FileHasher) throws -> DirectoryManifest {
        let root = open(directory(of: task), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard root >= 0 else { throw ExecutionProblem(Self.absence(of: task)) }
        defer { close(root) }
        return try hasher.manifest(of: root).manifest
    }

    private static func absence(of task: TaskID) -> String { "There is no checkpoint of \(task) on this node." }
}
