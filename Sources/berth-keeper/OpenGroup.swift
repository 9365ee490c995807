import BerthKeeping
import Glibc

/// The control groups of an attempt with those of their files open that every attempt in them needs: to open such a file takes
/// the kernel longer than to read it.
final class OpenGroup {
    let group: ControlGroup
    private var descriptors: [String: Int32] = [:]

    init(_ group: ControlGroup) { self.group = group }

    deinit { for descriptor in descriptors.values { close(descriptor) } }

    /// Opens a file, at the first time, with the flags that it is asked for then.
    ///
    /// - Returns: -1 with errno set where it cannot be opened.
    private func descriptor(_ path: String, _ flags: Int32) -> Int32 {
        if let known = descriptors[path] { return known }
        let opened = open(path, flags | O_CLOEXEC)
        if opened >= 0 { descriptors[path] = opened }
        return opened
    }

    // MARK: - Coming in

    /// The directory in which a process can be born; -1 where there is no group of version 2.
    var birthplace: Int32 { group.birthplace.map { descriptor($0.path, O_RDONLY | O_DIRECTORY) } ?? -1 }

    /// The file by which a process joins one of the groups, open for it to write to; -1 with errno set where it cannot be.
    func entrance(of place: ControlGroup.Place) -> Int32 { descriptor(place.entrance, O_WRONLY) }

    // MARK: - Counters

    /// CPU time of all its processes, those that nobody waited for included; nil where the kernel does not tell.
    var cpuMicroseconds: (user: Int64, system: Int64)? {
        guard let place = group.birthplace, let lines = lines(of: place.path + "/cpu.stat"),
            let user = Self.counter("user_usec", in: lines), let system = Self.counter("system_usec", in: lines)
        else { return nil }
        return (user, system)
    }

    /// Processes that the kernel has killed for want of memory.
    var outOfMemoryKills: Int64 {
        guard let place = group.place(of: .memory) else { return 0 }
        let file = place.version == 2 ? "/memory.events" : "/memory.oom_control"
        return lines(of: place.path + file).flatMap { Self.counter("oom_kill", in: $0) } ?? 0
    }

    /// The most memory that was in use at one time, page cache included; nil where the kernel does not tell.
    var peakMemoryBytes: Int64? { group.place(of: .memory).flatMap { number(in: peak(of: $0)) } }

    /// Makes the groups as if they were new but for what their counters of processor time and of kills have counted, if
    /// nobody is in them and what the last one has left in memory is little: the most that was in use is counted anew. In
    /// version 2 it is so for who reads it through this descriptor (`memory.peak`, Linux 6.12).
    ///
    /// - Returns: false where they cannot become new.
    func becomeNew() -> Bool {
        guard let birthplace = group.birthplace, let memory = group.place(of: .memory),
            lines(of: birthplace.path + "/cgroup.events").flatMap({ Self.counter("populated", in: $0) }) == 0
        else { return false }
        let usage = memory.path + (memory.version == 2 ? "/memory.current" : "/memory.usage_in_bytes")
        guard let left = number(in: descriptor(usage, O_RDONLY)), left <= Self.negligibleBytes else { return false }
        return pwrite(peak(of: memory), "0", 1, 0) == 1
    }

    /// What may be left of an attempt in the memory that its successor in the groups is charged for. The kernel itself counts
    /// no more finely than by a quarter of that: each processor takes 64 pages ahead.
    private static let negligibleBytes: Int64 = 1 << 20

    private func peak(of memory: ControlGroup.Place) -> Int32 {
        let path = memory.path + (memory.version == 2 ? "/memory.peak" : "/memory.max_usage_in_bytes")
        let both = descriptor(path, O_RDWR)
        return both >= 0 ? both : descriptor(path, O_RDONLY)
    }

    // MARK: - Reading

    /// What a file tells now, of which the kernel makes no more than a page.
    private func read(_ descriptor: Int32) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, 0))
        }
        return bytes.isEmpty ? nil : bytes
    }

    private func number(in descriptor: Int32) -> Int64? {
        read(descriptor).flatMap { Int64(String(decoding: $0.prefix { $0 > 32 }, as: UTF8.self)) }
    }

    private func lines(of path: String) -> [ArraySlice<UInt8>]? {
        read(descriptor(path, O_RDONLY))?.split(separator: UInt8(ascii: "\n"))
    }

    /// The number after a name at a line's beginning.
    private static func counter(_ name: String, in lines: [ArraySlice<UInt8>]) -> Int64? {
        for line in lines where line.starts(with: name.utf8) {
            let rest = line.dropFirst(name.utf8.count)
            guard rest.first == UInt8(ascii: " ") else { continue }
            return Int64(String(decoding: rest.dropFirst(), as: UTF8.self))
        }
        return nil
    }
}
