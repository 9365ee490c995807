import BerthKeeping
package import BerthModel
import CLinux
import Foundation
import Glibc

/// How an attempt's results come into the working directory: it writes them to a directory of its own, and when it has
/// succeeded they are renamed into place, all or those before the first that fails, each in one step. An attempt that was
/// given up while it was cut off publishes nothing once its successor has begun: at its beginning each attempt leaves its
/// fence beside the places of its results, and a lower one is refused there from then on, by whichever node.
package struct OutputPublication: Sendable {
    let attempt: AttemptID
    package let fence: UInt64
    let workingDirectory: String
    /// Relative to the working directory, and to the attempt's own directory.
    let paths: [String]
    /// Whose rights count; nil for the agent's own.
    let owner: FileOwner?

    /// Most bytes of a fence file.
    private static let maximumFenceBytes = 256

    package init(
        attempt: AttemptID, fence: UInt64, workingDirectory: String, paths: [String], owner: FileOwner? = nil
    ) {
        self.attempt = attempt
        self.fence = fence
        self.workingDirectory = workingDirectory
        self.paths = paths
        self.owner = owner
    }

    /// `BERTH_OUTPUT_DIR`: beside the results' places, since a rename does not leave a file system.
    package var directory: String { workingDirectory + "/.berth-output-\(attempt)" }

    /// Before the attempt starts: makes its directory, with the directories of its results in it, and claims the places.
    ///
    /// - Throws: a sentence; the attempt must not start. A place that a later attempt has claimed is among the reasons.
    package func prepare() throws {
        try FileOwner.run(as: owner) { [self] in
            for path in paths {
                guard DirectoryManifest.isWellFormed(path) else {
                    throw ExecutionProblem(
                        "\"\(path)\" cannot be published: it is no path within the working directory.")
                }
                let parent = Self.split(path).parent
                for place in [directory, workingDirectory] {
                    try FileManager.default.createDirectory(
                        atPath: place + "/" + parent, withIntermediateDirectories: true)
                }
                try withFence(of: path) { found, file in _ = try claim(path, found, file) }
            }
        }
    }

    /// After it has succeeded and all its processes are gone.
    ///
    /// - Returns: what could not be published and why, a sentence each; empty where all is in place. What is not in place
    ///   stays in `directory`.
    package func publish() -> [String] {
        do {
            return try FileOwner.run(as: owner) { [self] in
                let problems = paths.compactMap { path -> String? in
                    do {
                        try withFence(of: path) { found, file in
                            let own = try claim(path, found, file)
                            guard !own.isPublished else { return }
                            try put(path)
                            try write(Fence(task: own.task, number: own.number, isPublished: true), to: file, path)
                        }
                        return nil
                    } catch {
                        return "\(error)"
                    }
                }
                if problems.isEmpty { try? FileManager.default.removeItem(atPath: directory) }
                return problems
            }
        } catch {
            return ["\(error)"]
        }
    }

    /// After it has ended otherwise: what it wrote is removed.
    package func discard() {
        try? FileOwner.run(as: owner) { [self] in try FileManager.default.removeItem(atPath: directory) }
    }

    /// `plots` and `loss` of `plots/loss`; of `loss`, no parent.
    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    // MARK: - The fence

    /// What stands beside a result's place: `TASK FENCE`, and `published` once the result is there.
    private struct Fence {
        var task: String
        var number: UInt64
        var isPublished = false
    }

    /// Runs `body` while nobody else looks at the path's fence.
    private func withFence(of path: String, _ body: (Fence?, Int32) throws -> Void) throws {
        let (parent, result) = Self.split(path)
        let name = workingDirectory + "/" + parent + (parent.isEmpty ? "" : "/") + ".\(result).berth-fence"
        let file = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
        guard file >= 0 else { throw ExecutionProblem("\(name) cannot be opened", errno) }
        defer { close(file) }  // It ends the lock as well.
        while flock(file, LOCK_EX) != 0 {
            guard errno == EINTR else { throw ExecutionProblem("\(name) cannot be locked", errno) }
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.maximumFenceBytes) { buffer, count in
            count = max(0, pread(file, buffer.baseAddress, buffer.count, 0))
        }
        let fields = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        let fence =
            fields.count < 2
            ? nil
            : UInt64(fields[1]).map {
                Fence(task: String(fields[0]), number: $0, isPublished: fields.dropFirst(2).first == "published")
            }
        try body(fence, file)
    }

    /// Another task's fence says nothing about this one: of two tasks, who publishes last is seen.
    private func claim(_ path: String, _ found: Fence?, _ file: Int32) throws -> Fence {
        if let found, found.task == "\(attempt.task)" {
            guard found.number <= fence else {
                throw ExecutionProblem(
                    "\(path) is not published: a later attempt of \(attempt.task) has claimed its place (fence \(found.number), this one's is \(fence))."
                )
            }
            if found.number == fence { return found }
        }
        let own = Fence(task: "\(attempt.task)", number: fence)
        try write(own, to: file, path)
        return own
    }

    private func write(_ fence: Fence, to file: Int32, _ path: String) throws {
        let line = "\(fence.task) \(fence.number)\(fence.isPublished ? " published" : "")\n"
        guard ftruncate(file, 0) == 0, lseek(file, 0, SEEK_SET) == 0, writeAll(Array(line.utf8), to: file),
            fdatasync(file) == 0
        else { throw ExecutionProblem("The fence of \(path) cannot be written", errno) }
    }

    // MARK: - The results

    private func put(_ path: String) throws {
        let (made, place) = (directory + "/" + path, workingDirectory + "/" + path)
        var status = stat()
        guard lstat(made, &status) == 0 else {
            throw ExecutionProblem("\(path) is not published: the job has not written it to BERTH_OUTPUT_DIR.")
        }
        try sync(made)
        if rename(made, place) == 0 { return }
        // A directory does not take the place of one with something in it (rename(2)); the two change places instead.
        guard errno == ENOTEMPTY || errno == EEXIST || errno == EISDIR || errno == ENOTDIR,
            berth_exchange(made, place) == 0
        else {
            throw ExecutionProblem("\(path) cannot be published", errno)
        }
        try? FileManager.default.removeItem(atPath: made)
    }

    /// Makes a file durable before its name says that it is there.
    private func sync(_ path: String) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard file >= 0 else { return }  // A link, which has nothing of its own.
        defer { close(file) }
        guard fsync(file) == 0 || errno == EINVAL else { throw ExecutionProblem("\(path) cannot be written", errno) }
    }
}
