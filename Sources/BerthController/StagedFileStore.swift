import BerthModel
import Crypto
import Foundation
import Glibc

/// The files that go along with jobs, each content once, under its digest. A file is durable before its receipt is
/// acknowledged, and stays for as long as a job names it that has not ended, and two weeks longer.
public struct StagedFileStore: Sendable {
    /// Largest file.
    public static let maximumBytes: Int64 = 64 << 30
    /// What a file leaves free of its file system, for the journal.
    private static let reservedBytes: Int64 = 1 << 30
    private static let keep: TimeInterval = 14 * 86_400

    private let directory: String

    /// - Parameter directory: made with mode 0700 where it is not there. What was received halfway is removed.
    public init(directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in try names() where name.hasPrefix(Self.partial) { unlink(directory + "/" + name) }
    }

    private static let partial = ".partial-"

    private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory) }
    private func path(of sha256: String) -> String { directory + "/" + sha256 }

    /// Whether a file is here; if so, it counts as just used.
    public func holds(_ sha256: String) -> Bool {
        StagedFile.isDigest(sha256) && utimensat(AT_FDCWD, path(of: sha256), nil, 0) == 0
    }

    /// Takes a file in.
    ///
    /// - Parameters:
    ///   - bytes: how many there will be.
    ///   - parts: its content.
    /// - Throws: a `StagingProblem`; then nothing is kept.
    public func receive<Parts: AsyncSequence>(_ sha256: String, bytes: Int64, _ parts: Parts) async throws
    where Parts.Element == [UInt8] {
        guard StagedFile.isDigest(sha256) else {
            throw StagingProblem(
                "\"\(sha256.prefix(100))\" is no SHA-256; that has 64 of the digits 0 to 9 and a to f.")
        }
        guard (0...Self.maximumBytes).contains(bytes) else {
            throw StagingProblem("A file of \(bytes) bytes is too large; \(Self.maximumBytes) are the most.")
        }
        try checkRoom(for: bytes)
        let partial = directory + "/" + Self.partial + UUID().uuidString
        let file = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw StagingProblem("The file cannot be kept", errno) }
        defer {
            close(file)
            unlink(partial)
        }
        var hash = SHA256()
        var received: Int64 = 0
        for try await part in parts {
            received += Int64(part.count)
            guard received <= bytes else {
                throw StagingProblem("More came than the \(bytes) bytes that were announced.")
            }
            try write(part, to: file)
            hash.update(data: part)
        }
        let digest = hash.finalize().map { String(format: "%02x", $0) }.joined()
        guard received == bytes, digest == sha256 else {
            throw StagingProblem(
                "\(received) bytes with the SHA-256 \(digest) came, where \(bytes) with \(sha256) were announced. Did the file change while it was sent?"
            )
        }
        guard fsync(file) == 0, rename(partial, path(of: sha256)) == 0 else {
            throw StagingProblem("The file cannot be kept", errno)
        }
        let place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(place) }
        guard fsync(place) == 0 else { throw StagingProblem("The file cannot be kept", errno) }
    }

    private func checkRoom(for bytes: Int64) throws {
        var system = statvfs()
        guard statvfs(directory, &system) == 0 else { return }
        let free = Int64(clamping: system.f_bavail).multipliedReportingOverflow(by: Int64(clamping: system.f_frsize))
        guard free.overflow || free.partialValue - Self.reservedBytes >= bytes else {
            throw StagingProblem(
                "The controller has no room for \(bytes) bytes more: \(free.partialValue) are free, of which it keeps \(Self.reservedBytes) for itself."
            )
        }
    }

    private func write(_ part: [UInt8], to file: Int32) throws {
        var done = 0
        while done < part.count {
            let count = part.withUnsafeBytes { Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw StagingProblem("The file cannot be kept", errno)
            }
        }
    }

    /// A part of a file, for a node.
    func part(_ request: DataRequest, of sha256: String) -> DataPart {
        let file = StagedFile.isDigest(sha256) ? open(path(of: sha256), O_RDONLY | O_CLOEXEC) : -1
        guard file >= 0 else { return DataPart(problem: "The controller has no file \(sha256).") }
        defer { close(file) }
        let limit = Int(min(request.limit, DataPart.maximumBytes))
        let data = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, pread(file, buffer.baseAddress, limit, off_t(clamping: request.offset)))
        }
        var status = stat()
        return DataPart(data: data, total: fstat(file, &status) == 0 ? UInt64(clamping: status.st_size) : 0)
    }

    /// Removes what no job names that has not ended, and nobody has used for two weeks.
    func forgetUnused(by jobs: some Sequence<Job>) {
        let used = Set(jobs.flatMap { $0.specification.staged ?? [] }.map(\.sha256))
        for name in (try? names()) ?? [] where StagedFile.isDigest(name) && !used.contains(name) {
            var status = stat()
            guard stat(path(of: name), &status) == 0,
                Date().timeIntervalSince1970 - TimeInterval(status.st_mtim.tv_sec) > Self.keep
            else { continue }
            unlink(path(of: name))
        }
    }
}

/// Why a file was not taken in, in a sentence.
public struct StagingProblem: Error, CustomStringConvertible {
    public let description: String

    init(_ sentence: String) { description = sentence }
    init(_ sentence: String, _ code: Int32) { description = "\(sentence): \(String(cString: strerror(code)))." }
}
