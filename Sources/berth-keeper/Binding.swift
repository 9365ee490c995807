import BerthKeeping
import CLinux
import Glibc

/// Binds this process, whose children inherit it, and reads back what the kernel made of it.
struct Binding {
    var cpus: [Int]
    var numaNodes: [Int]
    var notes: [String] = []

    static func apply(_ order: LaunchOrder) -> Binding {
        var notes: [String] = []
        if !order.cpus.isEmpty, berth_set_affinity(bitmap(order.cpus, 128), 128) != 0 {
            notes.append("The CPUs could not be bound: \(errorText(errno)).")
        }
        if !order.numaNodes.isEmpty {
            // MPOL_PREFERRED takes one node only; several are a bind, which the plan has sized.
            let mode: Int32 = order.memoryPolicy == .bind || order.numaNodes.count > 1 ? 2 : 1
            if berth_set_memory_policy(mode, bitmap(order.numaNodes, 16), 16) != 0 {
                notes.append("The memory could not be bound: \(errorText(errno)).")
            }
        }
        var words = [UInt64](repeating: 0, count: 128)
        let cpus = berth_get_affinity(&words, 128) == 0 ? numbers(words) : []
        words = [UInt64](repeating: 0, count: 16)
        let numaNodes = berth_get_memory_policy(&words, 16) > 0 ? numbers(words) : []
        if !order.cpus.isEmpty, cpus != order.cpus.sorted() {
            notes.append("The kernel granted other CPUs than the plan: \(cpus).")
        }
        return Binding(cpus: cpus, numaNodes: numaNodes, notes: notes)
    }

    private static func bitmap(_ numbers: [Int], _ count: Int) -> [UInt64] {
        numbers.reduce(into: [UInt64](repeating: 0, count: count)) { words, number in
            if number / 64 < count { words[number / 64] |= 1 << UInt64(number % 64) }
        }
    }

    private static func numbers(_ words: [UInt64]) -> [Int] {
        words.indices.flatMap { word in (0..<64).filter { words[word] >> UInt64($0) & 1 == 1 }.map { word * 64 + $0 } }
    }
}
