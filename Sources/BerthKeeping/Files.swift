public import Glibc

/// An errno's sentence.
public func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

/// The whole of a file, at most `limit` bytes.
public func readFile(_ path: String, limit: Int = 16 << 20) throws(KeepingError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("\(path) cannot be opened", errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while bytes.count < limit {
        let part = [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, count in
            count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
        if part.isEmpty { break }
        bytes += part
    }
    return bytes
}

/// Puts a file in place whole: written beside, then renamed over.
///
/// - Parameter isDurable: whether the file and its directory are on the disk before this returns.
public func replaceFile(_ path: String, with bytes: [UInt8], isDurable: Bool, mode: mode_t = 0o600)
    throws(KeepingError)
{
    let partial = path + ".partial"
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .system("\(partial) cannot be written", errno) }
    var isWritten = writeAll(bytes, to: descriptor)
    if isWritten, isDurable { isWritten = fdatasync(descriptor) == 0 }
    let code = errno
    close(descriptor)
    guard isWritten else { throw .system("\(partial) cannot be written", code) }
    guard rename(partial, path) == 0 else { throw .system("\(path) cannot be put in place", errno) }
    if isDurable { syncDirectory(path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".") }
}

/// Makes a directory's entries durable; a file system that cannot is left alone.
func syncDirectory(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
}

/// Writes everything, however often the system takes only a part.
@discardableResult
public func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done) }
        if count > 0 { done += count } else if errno != EINTR { return false }
    }
    return true
}

/// The name of what readdir(3) has found. It has only as much room as it needs: whoever copied the entry, or its name as it is
/// declared, would read on behind it, and perhaps where there is no memory.
public func nameOfEntry(_ entry: UnsafeMutablePointer<dirent>) -> String {
    guard let name = UnsafePointer(entry).pointer(to: \.d_name) else { return "" }
    return String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
}

/// Wall-clock time in microseconds since 1970.
public func wallClockMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}

/// The kernel's name for this boot; a process number means something only within one.
public func bootID() -> String {
    let bytes = (try? readFile("/proc/sys/kernel/random/boot_id", limit: 64)) ?? []
    return String(decoding: bytes.filter { $0 > 32 }, as: UTF8.self)
}

/// When a process started, in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)); tells a process from a
/// later one with the same number. nil where there is no such process.
public func startTicks(of process: Int32) -> UInt64? {
    guard let bytes = try? readFile("/proc/\(process)/stat", limit: 4096),
        let nameEnd = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = bytes[(nameEnd + 1)...].split(separator: UInt8(ascii: " "))
    return fields.count > 19 ? UInt64(String(decoding: fields[19], as: UTF8.self)) : nil
}
