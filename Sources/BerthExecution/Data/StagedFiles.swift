package import BerthModel
import Foundation
import Glibc

/// Files that went along with jobs, on their node: each content once, under its digest, read-only, however many attempts
/// use it. An attempt finds links to its files, under the names it knows them by, in a directory of its own.
package actor StagedFiles {
    private let path: String
    private let source: (any DataSource)?
    private let patience: Patience
    /// What is being fetched; whoever needs the same waits for the same.
    private var fetches: [String: Task<Int64, any Error>] = [:]

    /// - Parameters:
    ///   - path: of a directory; it is made if it is not there.
    ///   - source: where files can be asked for; nil where nobody can be asked.
    package init(path: String, source: (any DataSource)?, patience: Patience = Patience()) throws {
        (self.path, self.source, self.patience) = (path, source, patience)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // Jobs of other users pass through it to the files that they know the digests of.
        guard chmod(path, 0o711) == 0 else { throw ExecutionProblem("\(path) is not the agent's own", errno) }
    }

    /// Brings here what is not here yet.
    ///
    /// - Returns: bytes that came now.
    /// - Throws: an error with a sentence.
    package func bring(_ files: [StagedFile], of task: TaskID, to node: NodeName) async throws -> Int64 {
        var transferred: Int64 = 0
        for file in files where !holds(file) {
            let running = fetches[file.sha256]
            let fetch = running ?? Task { try await self.fetch(file, of: task, to: node) }
            fetches[file.sha256] = fetch
            defer { fetches[file.sha256] = nil }
            do {
                let bytes = try await fetch.value
                if running == nil { transferred += bytes }
            } catch {
                throw ExecutionProblem("\(file.path), which goes along with the job, cannot be had. \(error)")
            }
        }
        return transferred
    }

    /// Whether a file is here; if so, it counts as just used.
    private func holds(_ file: StagedFile) -> Bool {
        utimensat(AT_FDCWD, path + "/" + file.sha256, nil, AT_SYMLINK_NOFOLLOW) == 0
    }

    private func fetch(_ file: StagedFile, of task: TaskID, to node: NodeName) async throws -> Int64 {
        guard let source else { throw ExecutionProblem("Nobody can be asked for it.") }
        let root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw ExecutionProblem("\(path) cannot be opened", errno) }
        defer { close(root) }
        let partial = Self.partial + file.sha256
        let bytes = try await GatheringDirectory(root: root, owner: nil).fetch(
            partial, file.bytes, file.sha256, from: "the controller"
        ) { [patience] offset, limit in
            let request = DataRequest(task: task, staged: file.sha256, offset: offset, limit: limit)
            return try await source.answer(to: request, by: node, within: patience)
        }
        guard fchmodat(root, partial, 0o444, 0) == 0, renameat(root, partial, root, file.sha256) == 0 else {
            throw ExecutionProblem("\(file.sha256) cannot be put in place in \(path)", errno)
        }
        return bytes
    }

    /// Lays links to the files into a directory that is not there yet.
    ///
    /// - Parameter owner: who may enter it; nil is the agent's own user.
    package nonisolated func lay(_ files: [StagedFile], in directory: String, for owner: FileOwner?) throws {
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
            throw ExecutionProblem("\(directory) cannot be made", errno)
        }
        let root = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard root >= 0 else { throw ExecutionProblem("\(directory) cannot be opened", errno) }
        defer { close(root) }
        let links = GatheringDirectory(root: root, owner: owner)
        for file in files where DirectoryManifest.isWellFormed(file.path) && StagedFile.isDigest(file.sha256) {
            try links.makeParents(of: file.path)
            try links.makeLink(file.path, to: path + "/" + file.sha256)
        }
    }

    /// Removes what no attempt has asked for since `keep`.
    ///
    /// - Parameter used: digests that live attempts use, however long ago they asked.
    package nonisolated func removeOld(_ keep: Duration, at now: Timestamp, used: Set<String>) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where !used.contains(name) {
            var status = stat()
            let file = path + "/" + name
            if lstat(file, &status) == 0, FileIdentity(status).age(at: now) > keep { unlink(file) }
        }
    }

    private static let partial = ".partial-"
}
