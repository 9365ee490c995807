import BerthKeeping
import CLinux
import Glibc

/// What the kernel granted the job's process, beside what the order asks for.
struct Binding {
    var cpus: [Int]
    var numaNodes: [Int]
    var memoryPolicy: LaunchOrder.MemoryPolicy?
    /// Where the two differ, a sentence each.
    var notes: [String] = []

    /// PUs of an order as the kernel takes them; nil binds to none.
    static func cpuWords(_ order: LaunchOrder) -> [UInt64]? { order.cpus.isEmpty ? nil : words(order.cpus, 128) }
    static func nodeWords(_ order: LaunchOrder) -> [UInt64]? {
        order.numaNodes.isEmpty ? nil : words(order.numaNodes, 16)
    }
    /// set_mempolicy(2): MPOL_PREFERRED takes one node only; several are a MPOL_BIND, which the plan has sized.
    static func memoryMode(_ order: LaunchOrder) -> Int32 {
        order.memoryPolicy == .bind || order.numaNodes.count > 1 ? 2 : 1
    }

    /// As a warm slot tells it.
    init(_ order: LaunchOrder, cpus: [Int], numaNodes: [Int], memoryMode: Int32) {
        var launch = berth_launch()
        withUnsafeMutableBytes(of: &launch.granted_cpus) { $0.copyBytes(from: Self.bytes(Self.words(cpus, 128))) }
        withUnsafeMutableBytes(of: &launch.granted_nodes) { $0.copyBytes(from: Self.bytes(Self.words(numaNodes, 16))) }
        launch.granted_memory_mode = memoryMode
        self.init(order, granted: launch)
    }

    init(_ order: LaunchOrder, granted launch: berth_launch) {
        cpus = withUnsafeBytes(of: launch.granted_cpus) { Self.numbers($0.bindMemory(to: UInt64.self)) }
        numaNodes = withUnsafeBytes(of: launch.granted_nodes) { Self.numbers($0.bindMemory(to: UInt64.self)) }
        memoryPolicy = launch.granted_memory_mode == 2 ? .bind : launch.granted_memory_mode == 1 ? .preferred : nil
        if launch.cpu_error != 0 { notes.append("The CPUs could not be bound: \(errorText(launch.cpu_error)).") }
        if launch.memory_error != 0 {
            notes.append("The memory could not be bound: \(errorText(launch.memory_error)).")
        }
        if !order.cpus.isEmpty, cpus != order.cpus.sorted() {
            notes.append(
                "The kernel granted the CPUs \(cpus) where the plan has \(order.cpus.sorted()); are some offline?")
        }
        let differs = numaNodes != order.numaNodes.sorted() || launch.granted_memory_mode != Self.memoryMode(order)
        if !order.numaNodes.isEmpty, launch.memory_error == 0, differs {
            notes.append(
                "The kernel granted memory of the NUMA nodes \(numaNodes) where the plan has \(order.numaNodes.sorted())."
            )
        }
    }

    private static func bytes(_ words: [UInt64]) -> [UInt8] { words.withUnsafeBytes { Array($0) } }

    private static func words(_ numbers: [Int], _ count: Int) -> [UInt64] {
        numbers.reduce(into: [UInt64](repeating: 0, count: count)) { words, number in
            if number / 64 < count { words[number / 64] |= 1 << UInt64(number % 64) }
        }
    }

    private static func numbers(_ words: UnsafeBufferPointer<UInt64>) -> [Int] {
        words.indices.filter { words[$0] != 0 }.flatMap { word in
            (0..<64).filter { words[word] >> UInt64($0) & 1 == 1 }.map { word * 64 + $0 }
        }
    }
}
