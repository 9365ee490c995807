package import BerthModel
import CLinux
import Crypto
import Foundation
import Glibc

/// Says what files hold, by their digests, without getting in the jobs' way: a file that was read before is not read
/// again, a bounded number is read at a time by threads that let jobs go first to the disk and the processor, and large
/// files leave the page cache as they found it.
///
/// What it cannot vouch for it says: see `FileRecord.problem`.
package final class FileHasher: Sendable {
    /// Files read at a time, over all attempts.
    private let width: Int
    private let permits: DispatchSemaphore
    private let cache: DigestCache
    private let now: @Sendable () -> Timestamp

    /// Of larger files, pages that reading brought into the cache are put out again.
    private static let largeFileBytes: Int64 = 256 << 20
    private static let blockBytes = 1 << 20
    /// The coarsest step of a local file system's times (a timer tick of 100 Hz), doubled: two writes within it may
    /// leave the same times.
    private static let tick = Duration.milliseconds(20)
    /// How old a file must be when it is read for its digest to be kept; file systems elsewhere may keep times in steps
    /// of up to two seconds (FAT), and by another machine's clock.
    private static let settled = Duration.seconds(2)

    package init(
        cache: DigestCache, width: Int = min(4, ProcessInfo.processInfo.activeProcessorCount),
        now: @escaping @Sendable () -> Timestamp = { .now }
    ) {
        self.cache = cache
        self.width = max(1, width)
        self.now = now
        permits = DispatchSemaphore(value: self.width)
    }

    /// A record for each path, in order. It reads large files on threads of its own and returns when all is read; the
    /// cache's file is brought up to date.
    ///
    /// - Parameters:
    ///   - directory: what relative paths start from.
    ///   - owner: whose rights count; nil for the agent's own.
    package func records(of paths: [String], in directory: String, as owner: FileOwner? = nil) -> [FileRecord] {
        let records = inParallel(paths.count, as: owner) { [self] index in
            record(of: paths[index].hasPrefix("/") ? paths[index] : directory + "/" + paths[index])
        } onRefusal: { index, problem in
            FileRecord(path: paths[index], problem: problem)
        }
        cache.save()
        return records
    }

    func saveDigests() { cache.save() }

    private func record(of path: String) -> FileRecord {
        // A named pipe must not hold the thread until somebody writes.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return FileRecord(path: path, problem: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            return FileRecord(path: path, problem: String(cString: strerror(errno)))
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            do {
                let content = try hash(descriptor)
                return FileRecord(
                    path: path, sha256: content.sha256, bytes: content.bytes, problem: content.reservation)
            } catch {
                return FileRecord(path: path, problem: "\(error)")
            }
        case S_IFDIR:
            do {
                let (manifest, reservation) = try manifest(of: descriptor)
                return FileRecord(
                    path: path, sha256: BerthExecution.sha256(Array(manifest.text.utf8)), bytes: manifest.bytes,
                    problem: reservation)
            } catch {
                return FileRecord(path: path, problem: "\(error)")
            }
        default: return FileRecord(path: path, problem: "It is neither a file nor a directory.")
        }
    }

    /// What a regular file holds.
    struct Content: Sendable {
        var sha256: String
        var bytes: Int64
        /// Why the digest may not be the whole truth.
        var reservation: String?
    }

    /// - Throws: an `ExecutionProblem` where it cannot be read, or does not hold still.
    func hash(_ descriptor: Int32) throws -> Content {
        permits.wait()
        defer { permits.signal() }
        for _ in 0..<2 {
            guard let before = FileIdentity.of(descriptor) else { throw ExecutionProblem("It cannot be read", errno) }
            if let known = cache.digest(of: before) { return Content(sha256: known, bytes: before.bytes) }
            var age = before.age(at: now())
            if (.zero..<Self.tick).contains(age) {
                // Just written. After the tick, a further write leaves another time and is noticed.
                usleep(useconds_t((Self.tick - age).microseconds) + 1000)
                age = before.age(at: now())
            }
            let digest = try read(descriptor, before)
            guard FileIdentity.of(descriptor) == before else { continue }
            if age >= Self.settled { cache.keep(digest, of: before) }
            let reservation =
                age < .zero
                ? "Its times lie \((.zero - age).text) in the future, so that a change while it was read may have gone unnoticed."
                : nil
            return Content(sha256: digest, bytes: before.bytes, reservation: reservation)
        }
        throw ExecutionProblem("It changed while it was read, twice.")
    }

    private func read(_ descriptor: Int32, _ identity: FileIdentity) throws -> String {
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        let isLarge = identity.bytes > Self.largeFileBytes
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockBytes, alignment: 4096)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var offset: off_t = 0
        while true {
            let wasCached = isLarge && Self.isCached(descriptor, offset, Self.blockBytes)
            let count = pread(descriptor, buffer.baseAddress, buffer.count, offset)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ExecutionProblem("It cannot be read beyond byte \(offset)", errno) }
            guard count > 0 else { return hexadecimal(hash.finalize()) }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            if isLarge, !wasCached { posix_fadvise(descriptor, offset, off_t(count), POSIX_FADV_DONTNEED) }
            offset += off_t(count)
        }
    }

    /// Whether any page of the part is in memory (mincore(2)); where the kernel does not tell, it says so of all, and
    /// nothing is put out.
    private static func isCached(_ descriptor: Int32, _ offset: off_t, _ length: Int) -> Bool {
        guard let map = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, offset), map != MAP_FAILED else {
            return true
        }
        defer { munmap(map, length) }
        var pages = [UInt8](repeating: 0, count: length / 4096)
        guard mincore(map, length, &pages) == 0 else { return true }
        return pages.contains { $0 & 1 == 1 }
    }

    /// Runs `body` for each index on a few threads of their own, which let others go first.
    ///
    /// - Parameter onRefusal: stands in for `body` where a thread may not act for the owner.
    func inParallel<Result: Sendable>(
        _ count: Int, as owner: FileOwner?, _ body: @escaping @Sendable (Int) -> Result,
        onRefusal: @escaping @Sendable (Int, String) -> Result
    ) -> [Result] {
        let work = LockedBox((next: 0, results: [Result?](repeating: nil, count: count)))
        let done = DispatchGroup()
        for _ in 0..<min(width, count) {
            done.enter()
            Thread.detachNewThread {
                defer { done.leave() }
                berth_yield_to_jobs()
                var refusal: String?
                do { try owner?.assume() } catch { refusal = "\(error)" }
                while let index = work.change({ Self.take(&$0.next, below: count) }) {
                    let result = refusal.map { onRefusal(index, $0) } ?? body(index)
                    work.change { $0.results[index] = result }
                }
            }
        }
        done.wait()
        return work.value.results.compactMap(\.self)
    }

    private static func take(_ next: inout Int, below count: Int) -> Int? {
        guard next < count else { return nil }
        next += 1
        return next - 1
    }
}
