import BerthModel
import CLinux
import Crypto
import Foundation
import Glibc

/// The directory in which what comes from elsewhere is gathered before it is put in place. Nobody but the agent may enter it; still,
/// no link in it is followed, since an earlier try may have left any.
struct GatheringDirectory {
    /// A descriptor that whoever made this closes.
    let root: Int32
    let owner: FileOwner?

    /// Removes what an earlier try has left and this manifest does not name, or names otherwise.
    func removeAll(but manifest: DirectoryManifest) throws {
        var files: Set<String> = []
        var directories: Set<String> = []
        for entry in manifest.entries {
            if case .file = entry.content { files.insert(entry.path) }
            if case .emptyDirectory = entry.content { directories.insert(entry.path) }
            directories.formUnion(Self.parents(of: entry.path))
        }
        try prune(root, below: "", files, directories)
    }

    private func prune(_ directory: Int32, below prefix: String, _ files: Set<String>, _ directories: Set<String>)
        throws
    {
        for name in names(in: directory) ?? [] {
            guard let name else { throw ExecutionProblem("A name in the gathering directory is not UTF-8. Remove it.") }
            let path = prefix + name
            var status = stat()
            guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                let inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard inner >= 0 else { throw ExecutionProblem("\(path) cannot be opened", errno) }
                defer { close(inner) }
                try prune(inner, below: path + "/", files, directories)
                if !directories.contains(path) { unlinkat(directory, name, AT_REMOVEDIR) }
            } else if status.st_mode & S_IFMT != S_IFREG || !files.contains(path) {
                unlinkat(directory, name, 0)
            }
        }
    }

    /// Bytes of the manifest's files that are here already.
    func heldBytes(of manifest: DirectoryManifest) -> Int64 {
        manifest.entries.reduce(0) { sum, entry in
            guard case .file(let bytes, _) = entry.content else { return sum }
            let descriptor = openBeneath(root, entry.path, O_RDONLY | O_NONBLOCK)
            guard descriptor >= 0 else { return sum }
            defer { close(descriptor) }
            return sum + min(bytes, FileIdentity.of(descriptor)?.bytes ?? 0)
        }
    }

    func makeParents(of path: String) throws { for parent in Self.parents(of: path) { try makeDirectory(parent) } }

    func makeDirectory(_ path: String) throws {
        try inParent(of: path) { parent, name in
            guard mkdirat(parent, name, 0o755) == 0 || errno == EEXIST else {
                throw ExecutionProblem("\(path) cannot be made", errno)
            }
            if let owner { fchownat(parent, name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW) }
        }
    }

    func makeLink(_ path: String, to target: String) throws {
        try inParent(of: path) { parent, name in
            guard symlinkat(target, parent, name) == 0 else {
                throw ExecutionProblem("The link \(path) cannot be made", errno)
            }
            if let owner { fchownat(parent, name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW) }
        }
    }

    /// Fetches what is missing of one file. A digest that is wrong is given one new beginning: the file may have been
    /// gathered from an earlier one.
    ///
    /// - Parameters:
    ///   - origin: who has it, for messages.
    ///   - part: asks for what follows an offset, so many bytes at most.
    /// - Returns: bytes that came.
    func fetch(
        _ path: String, _ bytes: Int64, _ sha256: String, from origin: String,
        _ part: (_ offset: UInt64, _ limit: UInt64) async throws -> DataPart
    ) async throws -> Int64 {
        let file = try openFile(path)
        defer { close(file) }
        var transferred: Int64 = 0
        for _ in 0..<2 {
            var (hash, size) = try hashHeld(file, upTo: bytes)
            while size < bytes {
                let limit = min(UInt64(bytes - size), DataPart.maximumBytes)
                let part = try await part(UInt64(size), limit)
                guard !part.data.isEmpty, part.data.count <= Int(limit) else {
                    throw ExecutionProblem("\(path) on \(origin) is not as it was said to be.")
                }
                try write(part.data, to: file, at: size)
                hash.update(data: part.data)
                size += Int64(part.data.count)
                transferred += Int64(part.data.count)
            }
            if hexadecimal(hash.finalize()) == sha256 {
                try complete(file)
                return transferred
            }
            ftruncate(file, 0)
        }
        throw ExecutionProblem("\(path) from \(origin) does not have the digest that it was said to have.")
    }

    func openFile(_ path: String) throws -> Int32 {
        let file = openBeneath(root, path, O_RDWR | O_CREAT | O_NONBLOCK, mode: 0o644)
        guard file >= 0 else { throw ExecutionProblem("\(path) cannot be written", errno) }
        return file
    }

    /// What is here of a file, read into a digest; a file that is longer than it may be is begun anew.
    func hashHeld(_ file: Int32, upTo bytes: Int64) throws -> (SHA256, Int64) {
        var hash = SHA256()
        guard let held = FileIdentity.of(file)?.bytes, held <= bytes else {
            ftruncate(file, 0)
            return (hash, 0)
        }
        var size: Int64 = 0
        while size < held {
            let part = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
                count = max(0, pread(file, buffer.baseAddress, buffer.count, off_t(size)))
            }
            guard !part.isEmpty else { throw ExecutionProblem("What was gathered cannot be read again", errno) }
            hash.update(data: part)
            size += Int64(part.count)
        }
        return (hash, size)
    }

    func write(_ data: [UInt8], to file: Int32, at offset: Int64) throws {
        var done = 0
        while done < data.count {
            let count = data.withUnsafeBytes {
                pwrite(file, $0.baseAddress?.advanced(by: done), $0.count - done, off_t(offset) + off_t(done))
            }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw ExecutionProblem("What is fetched cannot be written here", errno)
            }
        }
    }

    /// Makes a file durable, and its owner's.
    func complete(_ file: Int32) throws {
        if let owner { fchown(file, owner.user, owner.group) }
        guard fsync(file) == 0 else { throw ExecutionProblem("What is fetched cannot be written here", errno) }
    }

    /// Makes the directory one that its owner may enter; that of a user of its own, and nobody else.
    func finish() throws {
        fchmod(root, owner == nil ? 0o755 : 0o700)
        if let owner { fchown(root, owner.user, owner.group) }
        guard fsync(root) == 0 else { throw ExecutionProblem("What is fetched cannot be written here", errno) }
    }

    private func inParent(of path: String, _ body: (Int32, String) throws -> Void) throws {
        guard let slash = path.lastIndex(of: "/") else { return try body(root, path) }
        let parent = openBeneath(root, String(path[..<slash]), O_RDONLY | O_DIRECTORY)
        guard parent >= 0 else { throw ExecutionProblem("\(path) cannot be made", errno) }
        defer { close(parent) }
        try body(parent, String(path[path.index(after: slash)...]))
    }

    private static func parents(of path: String) -> [String] {
        path.indices.filter { path[$0] == "/" }.map { String(path[..<$0]) }
    }
}
