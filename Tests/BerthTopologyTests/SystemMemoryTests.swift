import BerthModel
import BerthTopology
import Foundation
import Testing

/// A made-up `/proc` and `/sys`.
private struct Root {
    let path = NSTemporaryDirectory() + "/berth-root-" + UUID().uuidString

    init(_ files: [String: String]) throws {
        for (name, content) in files {
            let file = URL(fileURLWithPath: path + name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content.utf8).write(to: file)
        }
    }

    func read() throws -> SystemMemory? {
        defer { try? FileManager.default.removeItem(atPath: path) }
        return SystemMemory.read(root: path)
    }
}

struct SystemMemoryTests {
    private static let total = "MemTotal:       24684084 kB\nMemFree:        1000 kB\n"
    private static let bytes: Int64 = 24_684_084 * 1024

    @Test func `without control groups the memory is the kernel's total`() throws {
        #expect(try Root(["/proc/meminfo": Self.total]).read() == SystemMemory(total: Self.bytes))
    }

    @Test(arguments: [
        "", "MemTotal:", "MemTotal:  \n", "MemTotal: much kB", "MemTotal: 0 kB", "MemTotal: -5 kB", "MemFree: 5 kB",
        "MemTotal: 9223372036854775807 kB", "MemTotal: 99999999999999999999 kB", "\0\0\0",
    ])
    func `a total that cannot be is unknown`(text: String) throws {
        #expect(try Root(["/proc/meminfo": text]).read() == nil)
    }

    @Test func `no files are no memory`() throws {
        #expect(try Root([:]).read() == nil)
    }

    @Test func `a group's limit below the total counts`() throws {
        let root = try Root([
            "/proc/meminfo": Self.total, "/proc/self/cgroup": "0::/user.slice/job\n",
            "/sys/fs/cgroup/user.slice/job/memory.max": "1073741824\n",
        ])
        #expect(try root.read() == SystemMemory(total: Self.bytes, limit: 1 << 30))
    }

    @Test(arguments: ["max\n", "9223372036854771712\n", "0\n", "-1\n", "", "lots\n"])
    func `a limit that limits nothing does not count`(text: String) throws {
        let root = try Root([
            "/proc/meminfo": Self.total, "/proc/self/cgroup": "0::/job\n", "/sys/fs/cgroup/job/memory.max": text,
        ])
        #expect(try root.read() == SystemMemory(total: Self.bytes))
    }

    @Test func `the limit of a group further up holds for the groups in it`() throws {
        let root = try Root([
            "/proc/meminfo": Self.total, "/proc/self/cgroup": "0::/machine.slice/pod/container\n",
            "/sys/fs/cgroup/machine.slice/memory.max": "8589934592\n",
            "/sys/fs/cgroup/machine.slice/pod/memory.max": "2147483648\n",
            "/sys/fs/cgroup/machine.slice/pod/container/memory.max": "max\n",
        ])
        #expect(try root.read()?.limit == 2 << 30)
    }

    @Test func `inside a container the limit stands at the root`() throws {
        let root = try Root([
            "/proc/meminfo": Self.total, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "4294967296\n",
        ])
        #expect(try root.read()?.limit == 4 << 30)
    }

    @Test func `the first version of control groups is read as well, also where its path is the host's`() throws {
        let root = try Root([
            "/proc/meminfo": Self.total, "/proc/self/cgroup": "11:cpu,cpuacct:/\n4:memory:/docker/0123\n0::/\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
        ])
        #expect(try root.read()?.limit == 512 << 20)
    }

    @Test func `limits of other controllers are not memory's`() throws {
        let root = try Root([
            "/proc/meminfo": Self.total, "/proc/self/cgroup": "4:pids:/a\nnonsense\n:\n",
            "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1\n",
        ])
        #expect(try root.read()?.limit == nil)
    }

    @Test func `present pages are summed over the zones of each node`() throws {
        let zones = """
            Node 0, zone      DMA
              pages free     3840
                    present  3998
            Node 0, zone   Normal
                    present  1000
            Node 1, zone   Normal
                    present  7000
            """
        let memory = try Root(["/proc/meminfo": Self.total, "/proc/zoneinfo": zones]).read()
        #expect(memory?.presentPages == [0: 4998, 1: 7000])
    }

    @Test func `counters of hwloc that fall short do not make this machine smaller`() throws {
        // Whatever this machine's own counters say, a total twice theirs is shared out over its nodes to the last byte.
        let topology = try Topology.system()
        let own = topology.inventory().numaNodes.filter(\.isHostMemory)
        let total = own.compactMap(\.memoryBytes).reduce(0, +) * 2 + 4_097
        let pages = Dictionary(uniqueKeysWithValues: own.map { ($0.number, Int64($0.number + 3) * 1_000_003) })

        let inventory = topology.inventory(memory: SystemMemory(total: total, presentPages: pages))

        #expect(inventory.memorySource == .memInfo)
        #expect(inventory.memoryBytes == total)
    }

    @Test(arguments: [1, 4_097, 1 << 30, (1 << 30) + 1] as [Int64])
    func `a group's limit is shared out over the nodes to the last byte`(limit: Int64) throws {
        let topology = try Topology.system()
        let inventory = topology.inventory(memory: SystemMemory(total: 1 << 40, limit: limit))
        #expect(inventory.memorySource == .controlGroup)
        #expect(inventory.memoryBytes == limit)
    }

    @Test func `a described machine's memory is not this one's`() throws {
        let topology = try Topology(synthetic: "package:1 [numa(memory=64GiB)] core:2 pu:1")
        let inventory = topology.inventory(memory: SystemMemory(total: 1 << 40, limit: 1 << 20))
        #expect(inventory.memoryBytes == 64 << 30)
        #expect(inventory.memorySource == .description)
    }
}
