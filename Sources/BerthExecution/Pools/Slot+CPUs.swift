import BerthKeeping
import BerthModel
import CLinux
import Glibc

extension Slot {
    /// Lets the process, all that it has started, and every thread of these run on these PUs and no others; what it starts
    /// later inherits that. PUs that the node's groups do not allow are left out by the kernel.
    func bind(to cpus: CPUSet) {
        let count = (cpus.numbers.last ?? 0) / 64 + 1
        var words = [UInt64](repeating: 0, count: count)
        for number in cpus.numbers { words[number / 64] |= 1 << UInt64(number % 64) }
        // Twice: what was started by a thread that had not been bound yet.
        for _ in 0..<2 {
            for process in processes {
                for thread in Self.threads(of: process) {
                    _ = berth_set_affinity_of(thread, words, count)
                }
            }
        }
    }

    /// All that run in it.
    var processes: [pid_t] {
        let grouped = group.processes
        guard grouped.isEmpty, let server = (try? handle.record())?.job?.id else { return grouped }
        var found = [server]
        var next = 0
        while next < found.count, found.count < 10_000 {
            let parent = found[next]
            next += 1
            for thread in Self.threads(of: parent) {
                let text = (try? readFile("/proc/\(parent)/task/\(thread)/children", limit: 1 << 20)) ?? []
                found += text.split(separator: UInt8(ascii: " ")).compactMap {
                    pid_t(String(decoding: $0, as: UTF8.self))
                }
            }
        }
        return found
    }

    private static func threads(of process: pid_t) -> [pid_t] {
        guard let entries = opendir("/proc/\(process)/task") else { return [] }
        defer { closedir(entries) }
        var threads: [pid_t] = []
        while let entry = readdir(entries) {
            let name = nameOfEntry(entry)
            if let number = pid_t(name) { threads.append(number) }
        }
        return threads
    }
}
