import BerthModel
import BerthTopology
import Testing

struct SyntheticMachineTests {
    @Test func `two packages of eight caches make 128 cores, each near its package's memory`() throws {
        let inventory = try Topology(synthetic: "package:2 [numa(memory=64GiB)] l3:8 core:8 pu:2").inventory()

        #expect(inventory.packages.map(\.number) == [0, 1])
        #expect(inventory.numaNodes.map(\.memoryBytes) == [64 << 30, 64 << 30])
        #expect(inventory.memoryBytes == 128 << 30)
        #expect(inventory.memorySource == .description)
        #expect(inventory.cpus.count == 256)
        #expect(inventory.cores.count == 128)
        #expect(inventory.cores.map(\.index) == Array(0..<128))
        #expect(inventory.cores.map(\.numaNode) == (0..<128).map { $0 / 64 })
        #expect(inventory.cores.map(\.package) == (0..<128).map { $0 / 64 })
        #expect(inventory.cores.allSatisfy { $0.cpus.count == 2 })
        #expect(inventory.devices.isEmpty)
        try expectConsistent(inventory)
    }

    @Test func `a machine without packages and cores has one core for each PU`() throws {
        let inventory = try Topology(synthetic: "numa:2 pu:3").inventory()
        #expect(inventory.packages.isEmpty)
        #expect(inventory.cores.count == 6)
        #expect(inventory.cores.map(\.package) == [nil, nil, nil, nil, nil, nil])
        #expect(inventory.cores.map(\.numaNode) == [0, 0, 0, 1, 1, 1])
        try expectConsistent(inventory)
    }

    @Test func `cores lie at the ordinary memory where there is fast memory beside it`() throws {
        let inventory = try Topology(synthetic: "package:1 [numa(memory=96GiB)] [numa(memory=16GiB)] core:4 pu:1")
            .inventory()
        #expect(inventory.numaNodes.count == 2)
        #expect(inventory.memoryBytes == 112 << 30)
        #expect(Set(inventory.cores.map(\.numaNode)) == [0])
    }

    @Test(arguments: [
        ("numa(memory=64GB)", 64_000_000_000 as Int64), ("numa(memory=64GiB)", 64 << 30), ("numa(memory=4096)", 4096),
    ])
    func `memory is counted in the unit that is written`(level: String, bytes: Int64) throws {
        #expect(try Topology(synthetic: "package:1 [\(level)] core:2 pu:1").inventory().memoryBytes == bytes)
    }

    @Test func `more memory than a node can have is unknown`() throws {
        let inventory = try Topology(synthetic: "package:1 [numa(memory=1048576TiB)] core:2 pu:1").inventory()
        #expect(inventory.memoryBytes == nil)
        #expect(inventory.memorySource == .unknown)
    }

    @Test func `eight thousand PUs are a machine as well`() throws {
        let inventory = try Topology(synthetic: "package:16 [numa(memory=1TiB)] core:256 pu:2").inventory()
        #expect(inventory.cores.count == 4096)
        #expect(inventory.cpus.description == "0-8191")
        #expect(inventory.cores.last?.numaNode == 15)
    }

    @Test(arguments: [
        "", " ", "nonsense", "package:", "package:x core:2", "core:2 package:2 core:3", "pu:0", "package:0 pu:1",
        "numa:-1 pu:2",
        "package:2 [numa(memory=", "package:2\0 core:2", "/etc/passwd", "4 4 4 nonsense",
    ])
    func `what describes no machine is refused with an example of what does`(text: String) {
        let error = #expect(throws: TopologyError.badSynthetic(text)) { _ = try Topology(synthetic: text) }
        #expect(error?.description.contains("package:2") == true)
    }

    @Test(arguments: [
        "pu:8193", "pu:65537", "package:1000 core:1000 pu:2", "numa:4294967295 pu:4294967295 4294967295 9",
        "99999999999999999999",
    ])
    func `a machine with more PUs than any node has is refused before it is built`(text: String) {
        #expect(throws: TopologyError.self) { _ = try Topology(synthetic: text) }
    }

    @Test func `a synthetic machine's export is the same machine`() throws {
        let topology = try Topology(synthetic: "package:2 [numa(memory=64GiB)] l3:2 core:4 pu:2")
        let inventory = topology.inventory()
        let again = try Topology(xml: topology.xml()).inventory()
        #expect(again == inventory)
    }
}
