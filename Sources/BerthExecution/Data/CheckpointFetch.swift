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
    let source: any CheckpointSource
    let limits: Limits

    package struct Limits: Sendable {
        /// Largest checkpoint; nil takes what the file system has room for.
        package var maximumBytes: Int64?
        /// How long nothing may come before the fetch is given up.
        package var patience: Duration
        /// How long the other node may take to read its files before it answers.
        package var preparation: Duration
        /// Pause before a question is asked again.
        package var pause: Duration

        package init(
            maximumBytes: Int64? = nil, patience: Duration = .seconds(15), preparation: Duration = .seconds(1800),
            pause: Duration = .milliseconds(500)
        ) {
            self.maximumBytes = maximumBytes
            self.patience = patience
            self.preparation = preparation
            self.pause = pause
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
        task: TaskID, from node: NodeName, into store: CheckpointStore, source: any CheckpointSource,
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
                summary.transferredBytes += try await fetch(entry.path, bytes, sha256, into: gathering)
            }
        }
        try gathering.finish()
        try store.install(task)
        return summary
    }

    private func fetchManifest() async throws -> DirectoryManifest {
        var bytes: [UInt8] = []
        while true {
            let part = try await ask(nil, offset: UInt64(bytes.count), limit: CheckpointPart.maximumBytes)
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

    /// Fetches what is missing of one file. A digest that is wrong is given one new beginning: the file may have been
    /// gathered from an earlier checkpoint.
    ///
    /// - Returns: bytes that came.
    private func fetch(
        _ path: String, _ bytes: Int64, _ sha256: String, into gathering: GatheringDirectory
    ) async throws -> Int64 {
        let file = try gathering.openFile(path)
        defer { close(file) }
        var transferred: Int64 = 0
        for _ in 0..<2 {
            var (hash, size) = try gathering.hashHeld(file, upTo: bytes)
            while size < bytes {
                let limit = min(UInt64(bytes - size), CheckpointPart.maximumBytes)
                let part = try await ask(path, offset: UInt64(size), limit: limit)
                guard !part.data.isEmpty, part.data.count <= Int(limit) else {
                    throw ExecutionProblem("\(path) on \(node) is not as its manifest says.")
                }
                try gathering.write(part.data, to: file, at: size)
                hash.update(data: part.data)
                size += Int64(part.data.count)
                transferred += Int64(part.data.count)
            }
            if hexadecimal(hash.finalize()) == sha256 {
                try gathering.complete(file)
                return transferred
            }
            ftruncate(file, 0)
        }
        throw ExecutionProblem("\(path) from \(node) does not have the digest that its manifest says.")
    }

    /// Asks, again and again until an answer has come or patience is at its end.
    private func ask(_ path: String?, offset: UInt64, limit: UInt64) async throws -> CheckpointPart {
        let request = CheckpointRequest(task: task, path: path, offset: offset, limit: limit)
        let start = ContinuousClock.now
        while true {
            let waited: Duration
            let problem: any Error
            do {
                let part = try await source.part(request, on: node)
                if let sentence = part.problem { throw RefusedPart(sentence) }
                guard part.isPending else { return part }
                (waited, problem) = (
                    limits.preparation,
                    ExecutionProblem("\(node) is still reading its files after \(limits.preparation.text).")
                )
            } catch let refusal as RefusedPart {
                throw ExecutionProblem(refusal.description)
            } catch {
                (waited, problem) = (limits.patience, error)
            }
            try Task.checkCancellation()
            guard ContinuousClock.now - start < waited else { throw problem }
            try await Task.sleep(for: limits.pause)
        }
    }

    /// The other node has answered that it has no such thing; asking again helps nobody.
    private struct RefusedPart: Error {
        let description: String
        init(_ description: String) { self.description = description }
    }
}
