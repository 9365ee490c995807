import BerthModel
import Glibc

/// This machine's memory as the kernel counts it.
///
/// A kernel that initialises its memory lazily, or one with a balloon, shows less in each NUMA node's own counter than
/// there is, and the counter rises with use. So the total is `/proc/meminfo`'s, capped by the control group's limit, and
/// where the nodes' counters fall short of it, it is shared out by the pages that `/proc/zoneinfo` says are present.
public struct SystemMemory: Sendable, Equatable {
    /// Bytes.
    public var total: Int64
    /// The control group's limit in bytes, where there is one below the total.
    public var limit: Int64?
    /// Present pages by NUMA node.
    public var presentPages: [Int: Int64]

    public init(total: Int64, limit: Int64? = nil, presentPages: [Int: Int64] = [:]) {
        self.total = total
        self.limit = limit
        self.presentPages = presentPages
    }

    /// - Parameter root: where `/proc` and `/sys` are, for tests.
    public static func read(root: String = "") -> SystemMemory? {
        guard let total = total(inMemInfo: contents(root + "/proc/meminfo")) else { return nil }
        let groups = contents(root + "/proc/self/cgroup")
        let limits = limitFiles(inGroups: groups).compactMap { limit(in: contents(root + $0)) }
        return SystemMemory(
            total: total, limit: limits.min().flatMap { $0 < total ? $0 : nil },
            presentPages: presentPages(inZoneInfo: contents(root + "/proc/zoneinfo")))
    }

    private static func contents(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = fread(&part, 1, part.count, file), count > 0, bytes.count < 4 << 20 {
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `MemTotal:       24684084 kB`
    static func total(inMemInfo text: String) -> Int64? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        let words = line?.split(separator: " ") ?? []
        guard words.count > 1, let kibibytes = Int64(words[1]), (1..<1 << 50).contains(kibibytes) else { return nil }
        return kibibytes * 1024
    }

    /// Files that may hold a limit for this process, of either version of control groups. A group's limit holds for all
    /// groups in it, so those above it count as well.
    static func limitFiles(inGroups text: String) -> [String] {
        text.split(separator: "\n").flatMap { line -> [String] in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [] }
            let names = parts[2].split(separator: "/")
            let paths = (0...names.count).map { names.prefix($0).map { "/" + $0 }.joined() }
            if parts[0] == "0" {
                return paths.flatMap { ["/sys/fs/cgroup\($0)/memory.max", "/sys/fs/cgroup/unified\($0)/memory.max"] }
            }
            guard parts[1].split(separator: ",").contains("memory") else { return [] }
            return paths.map { "/sys/fs/cgroup/memory\($0)/memory.limit_in_bytes" }
        }
    }

    static func limit(in text: String) -> Int64? { Int64(text.trimmed).flatMap { $0 > 0 ? $0 : nil } }

    /// Sums `present` over the zones of each node.
    static func presentPages(inZoneInfo text: String) -> [Int: Int64] {
        var pages: [Int: Int64] = [:]
        var node: Int?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "Node", words.count > 1 { node = Int(words[1].filter { $0 != "," }) }
            if words.first == "present", words.count == 2, let node, let count = Int64(words[1]) {
                pages[node, default: 0] += count
            }
        }
        return pages
    }

    /// Corrects the sizes of the NUMA nodes with host memory.
    func apply(to numaNodes: inout [Inventory.NUMANode]) -> Inventory.MemorySource {
        let host = numaNodes.indices.filter { numaNodes[$0].isHostMemory }
        let counted = host.reduce(0) { $0 + (numaNodes[$1].memoryBytes ?? 0) }
        let real = min(total, limit ?? total)
        if counted >= total / 100 * 98, limit == nil { return .numaNodes }
        let pages = host.map { presentPages[numaNodes[$0].number] ?? 0 }
        let weights = pages.contains(0) || pages.isEmpty ? host.map { max(1, numaNodes[$0].memoryBytes ?? 1) } : pages
        let sum = UInt64(weights.reduce(0, +))
        // Each gets what the weights up to it come to beyond the one before, so that the shares add up exactly.
        var (weightBefore, bytesBefore): (UInt64, UInt64) = (0, 0)
        for (index, weight) in zip(host, weights) {
            weightBefore += UInt64(weight)
            let bytes = sum.dividingFullWidth(UInt64(real).multipliedFullWidth(by: weightBefore)).quotient
            numaNodes[index].memoryBytes = bytes > bytesBefore ? Int64(bytes - bytesBefore) : nil
            bytesBefore = bytes
        }
        return limit == nil ? .memInfo : .controlGroup
    }
}
