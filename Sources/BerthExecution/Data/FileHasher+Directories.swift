import BerthModel
import Glibc

/// What directories hold.
extension FileHasher {
    /// Every file that a path stands for: itself, or all in it where it is a directory. Links and empty directories in it
    /// are no files.
    ///
    /// - Parameter directory: what the path starts from; paths that are given back start from it as well.
    /// - Throws: a sentence.
    package func files(at path: String, in directory: String) throws -> [(path: String, sha256: String, bytes: Int64)] {
        let descriptor = open(directory + "/" + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw ExecutionProblem("It cannot be read", errno) }
        defer {
            close(descriptor)
            saveDigests()
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw ExecutionProblem("It cannot be read", errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            let content = try hash(descriptor)
            return [(path, content.sha256, content.bytes)]
        case S_IFDIR:
            return try manifest(of: descriptor).manifest.entries.compactMap { entry in
                guard case .file(let bytes, let sha256) = entry.content else { return nil }
                return (path + "/" + entry.path, sha256, bytes)
            }
        default: throw ExecutionProblem("It is neither a file nor a directory.")
        }
    }

    /// Reads a whole directory; links in it are recorded, not followed.
    ///
    /// - Parameter directory: a descriptor; it stays open.
    /// - Returns: and why it may not be the whole truth, as for a file.
    /// - Throws: a sentence where a part of it cannot be read, changes, or is no file, directory or link.
    func manifest(of directory: Int32) throws -> (manifest: DirectoryManifest, reservation: String?) {
        var paths: [String] = []
        var entries: [DirectoryManifest.Entry] = []
        try list(directory, below: "", &paths, &entries)
        let files = paths
        let contents = inParallel(files.count, as: nil) { [self] index in
            Result { try content(of: files[index], in: directory) }
        } onRefusal: { _, problem in
            .failure(ExecutionProblem(problem))
        }
        var reservation: String?
        for (path, result) in zip(files, contents) {
            let content = try result.get()
            entries.append(.init(path: path, content: .file(bytes: content.bytes, sha256: content.sha256)))
            reservation = reservation ?? content.reservation.map { "\(path): \($0)" }
        }
        return (DirectoryManifest(entries: entries), reservation)
    }

    private func content(of path: String, in directory: Int32) throws -> Content {
        let descriptor = openBeneath(directory, path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else { throw ExecutionProblem("\(path) in it cannot be read", errno) }
        defer { close(descriptor) }
        do { return try hash(descriptor) } catch { throw ExecutionProblem("\(path) in it: \(error)") }
    }

    private func list(
        _ directory: Int32, below prefix: String, _ files: inout [String], _ entries: inout [DirectoryManifest.Entry]
    ) throws {
        guard let names = names(in: directory) else {
            throw ExecutionProblem("\(prefix.isEmpty ? "It" : prefix) cannot be listed", errno)
        }
        if names.isEmpty, !prefix.isEmpty {
            entries.append(.init(path: String(prefix.dropLast()), content: .emptyDirectory))
        }
        for name in names {
            guard let name else { throw ExecutionProblem("A name in \(prefix.isEmpty ? "it" : prefix) is not UTF-8.") }
            let path = prefix + name
            guard files.count + entries.count < DirectoryManifest.maximumCount,
                path.utf8.count <= DirectoryManifest.maximumPathBytes
            else {
                throw ExecutionProblem(
                    "It holds more than \(DirectoryManifest.maximumCount) entries, or a path longer than \(DirectoryManifest.maximumPathBytes) bytes."
                )
            }
            var status = stat()
            guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw ExecutionProblem("\(path) in it cannot be looked at", errno)
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG: files.append(path)
            case S_IFLNK: entries.append(.init(path: path, content: .link(target: try target(of: name, in: directory))))
            case S_IFDIR:
                let inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard inner >= 0 else { throw ExecutionProblem("\(path) in it cannot be read", errno) }
                defer { close(inner) }
                try list(inner, below: path + "/", &files, &entries)
            default: throw ExecutionProblem("\(path) in it is neither a file nor a directory nor a link.")
            }
        }
    }

    private func target(of name: String, in directory: Int32) throws -> String {
        var buffer = [CChar](repeating: 0, count: DirectoryManifest.maximumPathBytes)
        let length = readlinkat(directory, name, &buffer, buffer.count)
        let bytes = buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }
        guard !bytes.isEmpty, let target = String(validating: bytes, as: UTF8.self) else {
            throw ExecutionProblem("The link \(name) in it cannot be read.")
        }
        return target
    }
}
