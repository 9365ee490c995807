package import BerthModel
import Crypto
import Foundation
import Glibc

/// Brings what a task has saved on another node to this one: the manifest first, then the files, part by part, gathered
/// beside and put in place when every digest is right. What was gathered before a cut is kept, and the next try goes on
/// from there.
///
/// The other side is not trusted: its manifest is checked, nothing outside the gathering directory is written, and no
/// more than it said, within `limits`.
package struct CheckpointFetch: Sendable {
    let task: TaskID
    let node: NodeName
    let store: CheckpointStore
    let source: any DataSource
    let limits: Limits

    package struct Limits: Sendable {
        /// Largest checkpoint; nil takes what the file system has room for.
        package var maximumBytes: Int64?
        package var patience: Patience

        package init(maximumBytes: Int64? = nil, patience: Patience = Patience()) {
            self.maximumBytes = maximumBytes
            self.patience = patience
        }
    }

    /// What came of it.
    package struct Summary: Hashable, Sendable {
        package var files: Int
        package var bytes: Int64
        /// Of them, what came now; the rest was here from an earlier try.
        package var transferredBytes: Int64

        package init(files: Int, bytes: Int64, transferredBytes: Int64) {
            self.files = files
            self.bytes = bytes
            self.transferredBytes = transferredBytes
        }
    }

    /// A manifest of the most entries takes about this much.
    private static let maximumManifestBytes: UInt64 = 64 << 20

    package init(
        task: TaskID, from node: NodeName, into store: CheckpointStore, source: any DataSource,
        limits: Limits = Limits()
    ) {
        self.task = task
        self.node = node
        self.store = store
        self.source = source
        self.limits = limits
    }

    /// Fetches everything and puts it in place.
    ///
    /// - Parameter owner: to whom the files are to belong; nil leaves them to the agent's user.
    /// - Throws: an error with a sentence; what the task has on this node is as it was.
    package func run(for owner: FileOwner? = nil) async throws -> Summary {
        let manifest = try await fetchManifest()
        let place = store.gatheringDirectory(of: task)
        guard mkdir(place, 0o700) == 0 || errno == EEXIST else {
            throw ExecutionProblem("\(place) cannot be made", errno)
        }
        let root = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard root >= 0 else { throw ExecutionProblem("\(place) cannot be opened", errno) }
        defer { close(root) }
        let gathering = GatheringDirectory(root: root, owner: owner)
        try gathering.removeAll(but: manifest)
        try check(room: manifest.bytes - gathering.heldBytes(of: manifest))
        var summary = Summary(files: manifest.fileCount, bytes: manifest.bytes, transferredBytes: 0)
        for entry in manifest.entries {
            try gathering.makeParents(of: entry.path)
            switch entry.content {
            case .emptyDirectory: try gathering.makeDirectory(entry.path)
            case .link(let target): try gathering.makeLink(entry.path, to: target)
            case .file(let bytes, let sha256):
                summary.transferredBytes += try await gathering.fetch(
                    entry.path, bytes, sha256, from: "\(node)"
                ) { offset, limit in try await ask(entry.path, offset: offset, limit: limit) }
            }
        }
        try gathering.finish()
        try store.install(task)
        return summary
    }

    private func fetchManifest() async throws -> DirectoryManifest {
        var bytes: [UInt8] = []
        while true {
            let part = try await ask(nil, offset: UInt64(bytes.count), limit: DataPart.maximumBytes)
            guard part.total <= Self.maximumManifestBytes else {
                throw ExecutionProblem("The manifest from \(node) has \(part.total) bytes; 64 MiB are the most.")
            }
            bytes += part.data
            if bytes.count >= Int(part.total) { break }
            guard !part.data.isEmpty else { throw ExecutionProblem("The manifest from \(node) ends early.") }
        }
        let manifest: DirectoryManifest
        do { manifest = try JSONDecoder().decode(DirectoryManifest.self, from: Data(bytes)) } catch {
            throw ExecutionProblem("What \(node) sent is no manifest.")
        }
        do throws(ManifestProblem) { try manifest.check() } catch {
            throw ExecutionProblem("The manifest from \(node) is refused. \(error)")
        }
        return manifest
    }

    private func check(room needed: Int64) throws {
        var system = statvfs()
        let isKnown = statvfs(store.path, &system) == 0
        let free = isKnown ? Int64(clamping: system.f_bavail) * Int64(clamping: system.f_frsize) : Int64.max
        let room = min(free, limits.maximumBytes ?? .max)
        guard needed <= room else {
            throw ExecutionProblem("The checkpoint takes \(needed) bytes more, and this node has room for \(room).")
        }
    }

    private func ask(_ path: String?, offset: UInt64, limit: UInt64) async throws -> DataPart {
        let request = DataRequest(task: task, path: path, offset: offset, limit: limit)
        return try await source.answer(to: request, by: node, within: limits.patience)
    }
}
