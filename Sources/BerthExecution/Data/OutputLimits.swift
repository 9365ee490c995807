package import BerthModel
import CLinux
import Foundation
import Glibc

/// How much output Berth keeps of an attempt, and for how long. Files that a job names itself are not touched.
public struct OutputLimits: Hashable, Sendable {
    /// Of one stream. A quarter of it is kept of the beginning, half of it of the end.
    public var maximumBytes: Int64
    /// After the last change.
    public var keep: Duration

    public init(maximumBytes: Int64 = 1 << 30, keep: Duration = .seconds(14 * 86_400)) {
        self.maximumBytes = maximumBytes
        self.keep = keep
    }

    /// Takes the middle out of a file that takes more than it may; costs two system calls where it does not. The job,
    /// which writes at the end, does not notice. A job that writes faster than this is called takes more meanwhile.
    ///
    /// - Returns: bytes taken out.
    /// - Throws: a sentence where the file system cannot do it (fallocate(2): ext4, XFS, Btrfs and tmpfs can, NFS from
    ///   4.2 on).
    @discardableResult
    package func cut(_ file: OutputFile) throws -> Int64 {
        let descriptor = open(file.path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            Int64(status.st_blocks) * 512 > maximumBytes
        else { return 0 }
        let block = max(4096, Int64(status.st_blksize))
        let start = (maximumBytes / 4 + block - 1) / block * block
        let end = (Int64(status.st_size) - maximumBytes / 2) / block * block
        guard end > start else { return 0 }
        guard berth_punch_hole(descriptor, start, end - start) == 0 else {
            throw ExecutionProblem("The output \(file.path) is too large and cannot be cut", errno)
        }
        return end - start
    }

    /// Removes the output of attempts that are not live and were not heard of for `keep`.
    ///
    /// - Parameter directory: where output files lie, `42@1.out`; files of other names are left alone.
    /// - Returns: how many files are gone.
    @discardableResult
    package func removeOld(in directory: String, at now: Timestamp, isLive: (AttemptID) -> Bool) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.count { name in
            guard name.hasSuffix(".out") || name.hasSuffix(".err"), let attempt = AttemptID(String(name.dropLast(4))),
                !isLive(attempt)
            else { return false }
            var status = stat()
            let path = directory + "/" + name
            guard lstat(path, &status) == 0, FileIdentity(status).age(at: now) > keep else { return false }
            return unlink(path) == 0
        }
    }
}
