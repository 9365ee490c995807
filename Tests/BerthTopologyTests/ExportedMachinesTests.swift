import BerthModel
import BerthTopology
import Testing

/// Exports of real and constructed machines, against facts that were computed without Berth.
///
/// Columns of the table that are not compared, since an inventory does not hold them: `packages` and `coproc_osdevs`,
/// `gpu_osdevs` (CPU-less packages and OS devices are what an inventory leaves out), `block_osdevs` and `misc` (disks and
/// notes play no part in decisions), `distances` (a matrix becomes links; the two machines with links have tests of their
/// own), `subtyped_numanodes` (`DRAM` is a subtype too, and here the tier of all that has none), `pci_0300` (a VGA
/// controller is mostly a management controller's), `xml_version` and `bytes` (the file's, not the machine's). Of
/// `pci_0302` and `pci_other_accel` only the sum is compared, as a bound: which of them have drivers they do not say.
@Suite(.timeLimit(.minutes(20)))
struct ExportedMachinesTests {
    @Test(.enabled(if: TopologyFolder.shared.isPresent), arguments: TopologyFolder.shared.rows.filter(\.isReadable))
    func `a machine's inventory agrees with the facts known about it`(row: TopologyFolder.Row) throws {
        try check(row, in: .shared)
    }

    @Test(arguments: TopologyFolder.own.rows.filter(\.isReadable))
    func `a constructed machine's inventory agrees with the facts known about it`(row: TopologyFolder.Row) throws {
        try check(row, in: .own)
    }

    private func check(_ row: TopologyFolder.Row, in folder: TopologyFolder) throws {
        let inventory = try folder.inventory(of: row.file)

        #expect(facts(of: inventory) == facts(in: row))
        #expect(inventory.memoryBytes == memoryForJobs(in: row, inventory))
        #expect(inventory.memorySource == (inventory.memoryBytes == nil ? .unknown : .description))
        let silent = inventory.devices.count { $0.health != .healthy }
        #expect(silent <= (row.number("pci_0302") ?? 0) + (row.number("pci_other_accel") ?? 0))
        try expectConsistent(inventory)
    }

    @Test(
        .enabled(if: TopologyFolder.shared.isPresent), arguments: TopologyFolder.shared.rows.filter { !$0.isReadable })
    func `a file that is no readable export is refused with a sentence`(row: TopologyFolder.Row) throws {
        try checkRefusal(of: row, in: .shared)
    }

    @Test(arguments: TopologyFolder.own.rows.filter { !$0.isReadable })
    func `a constructed file that is no export is refused with a sentence`(row: TopologyFolder.Row) throws {
        try checkRefusal(of: row, in: .own)
    }

    private func checkRefusal(of row: TopologyFolder.Row, in folder: TopologyFolder) throws {
        let bytes = try folder.bytes(of: row.file)
        let error = #expect(throws: TopologyError.self) { _ = try Topology(xml: bytes) }
        #expect(error?.description.hasSuffix(".") == true)
    }

    // MARK: - Single machines

    @Test(.enabled(if: TopologyFolder.shared.isPresent))
    func `a machine whose memory adds up to more than 64 bits hold has unknown memory`() throws {
        let inventory = try TopologyFolder.shared.inventory(of: "odd-huge-memory.xml")
        #expect(inventory.memoryBytes == nil)
        #expect(inventory.numaNodes.map(\.memoryBytes) == [nil, nil])
        #expect(inventory.memorySource == .unknown)
    }

    @Test(.enabled(if: TopologyFolder.shared.isPresent))
    func `a GPU that only PCI tells of is listed as unusable`() throws {
        let inventory = try TopologyFolder.shared.inventory(of: "butte-power9-gpu-numa-drm-only.xml")
        #expect(inventory.devices.map(\.kind) == ["gpu", "gpu", "gpu", "gpu"])
        #expect(inventory.devices.allSatisfy { $0.vendor == "NVIDIA" && $0.health != .healthy })
    }

    @Test(.enabled(if: TopologyFolder.shared.isPresent))
    func `GPU memory that appears as NUMA nodes is no memory for jobs`() throws {
        let inventory = try TopologyFolder.shared.inventory(of: "power9-gpu-numa-kept.xml")
        let own = inventory.numaNodes.filter { $0.tier == .gpu }
        #expect(own.count == 6)
        #expect(own.allSatisfy { $0.devicePCIAddress != nil && !$0.isHostMemory })
        #expect(
            inventory.memoryBytes
                == inventory.numaNodes.filter { $0.tier != .gpu }.compactMap(\.memoryBytes).reduce(0, +))
    }

    @Test(.enabled(if: TopologyFolder.shared.isPresent))
    func `sixteen GPUs on switches are each linked to each other`() throws {
        let inventory = try TopologyFolder.shared.inventory(of: "dgx2-16xv100-nvswitch.xml")
        #expect(inventory.devices.count == 16)
        #expect(inventory.links.count == 16 * 15 / 2)
        #expect(
            inventory.links.allSatisfy { $0.kind == .nvlink && $0.megabytesPerSecond == 150_000 && $0.from != $0.to })
    }

    @Test(.enabled(if: TopologyFolder.shared.isPresent))
    func `AMD GPUs are listed in PCI order with their links, whatever order the driver has`() throws {
        let inventory = try TopologyFolder.shared.inventory(of: "tioga-mi250x-xgmi.xml")
        let addresses = inventory.devices.compactMap(\.pciAddress)
        #expect(addresses.count == 8)
        #expect(addresses == addresses.sorted())
        #expect(!inventory.links.isEmpty)
        #expect(inventory.links.allSatisfy { $0.kind == .xgmi })
    }

    @Test func `eight H100s have models, memory, ids and links`() throws {
        let inventory = try TopologyFolder.own.inventory(of: "made-dgx-h100-8gpu-nvswitch.xml")
        #expect(inventory.devices.map(\.name) == (0..<8).map { "gpu\($0)" })
        #expect(inventory.devices.allSatisfy { $0.model?.contains("H100") == true && ($0.memoryBytes ?? 0) > 64 << 30 })
        #expect(Set(inventory.devices.compactMap(\.uuid)).count == 8)
        #expect(Set(inventory.devices.map(\.numaNodes)) == [[0], [1]])
        // Their links are direct ones, and hwloc's closure over switches would take them away.
        #expect(inventory.links.count == 8 * 7 / 2)
        #expect(inventory.links.allSatisfy { $0.kind == .nvlink && $0.megabytesPerSecond == 450_000 })
    }

    @Test func `declared accelerators come after what hwloc found, with what their owner said`() throws {
        let devices = try TopologyFolder.own.inventory(of: "made-quantum-declared-node.xml").devices
        #expect(devices.map(\.name) == ["fpga0", "qpu0", "qsim0", "qsim1"])
        #expect(devices.map(\.kind) == ["fpga", "qpu", "qsim", "qsim"])
        #expect(devices.map(\.count) == [1, 1, 1, 4])
        #expect(devices[2].attributes == ["maxQubits": .number(30), "backend": .text("statevector")])
        #expect(devices[2].memoryRule?.bytes(for: ["qubits": .number(30)]) == 16 << 30)
        #expect(devices[0].memoryBytes == 8 << 30)
    }

    @Test func `GPUs of two makers stand side by side, and the management controller's display is none`() throws {
        let devices = try TopologyFolder.own.inventory(of: "made-mixed-vendor-gpus.xml").devices
        #expect(devices.map(\.vendor) == ["NVIDIA", "AMD"])
        #expect(devices.map(\.name) == ["gpu0", "gpu1"])
    }

    // MARK: - Expectations

    /// What the inventory says in each column that is compared.
    private func facts(of inventory: Inventory) -> [String: Int64] {
        let withCPUs = inventory.numaNodes.filter { !$0.cpus.isEmpty }
        func memory(_ nodes: [Inventory.NUMANode]) -> Int { Int(nodes.compactMap(\.memoryBytes).reduce(0, +)) }
        let found = inventory.devices.filter { !$0.isDeclared }
        let facts = [
            "packages_with_cpus": inventory.packages.count, "numanodes": inventory.numaNodes.count,
            "numanodes_with_cpus": withCPUs.count, "cores": inventory.cores.count, "pus": inventory.cpus.count,
            "memory_bytes": memory(inventory.numaNodes), "memory_with_cpus_bytes": memory(withCPUs),
            "gpu_memory_numanodes": inventory.numaNodes.count { $0.tier == .gpu },
            "accel_devices": found.count { $0.health == .healthy },
            "declared": inventory.devices.count(where: \.isDeclared), "cpukinds": inventory.cpuKinds.count,
            "net_osdevs": inventory.networkInterfaces.count { $0.kind == .ethernet },
            "openfabrics_osdevs": inventory.networkInterfaces.count { $0.kind == .fabric },
        ]
        return facts.mapValues { Int64($0) }
    }

    /// The same, as the table has it.
    private func facts(in row: TopologyFolder.Row) -> [String: Int64] {
        let columns = [
            "packages_with_cpus", "numanodes", "numanodes_with_cpus", "cores", "pus", "memory_bytes",
            "memory_with_cpus_bytes", "gpu_memory_numanodes", "accel_devices", "declared", "cpukinds", "net_osdevs",
            "openfabrics_osdevs",
        ]
        var facts = Dictionary(uniqueKeysWithValues: columns.map { ($0, row.number($0) ?? 0) })
        // One kind of cores is no kind: all are alike.
        if facts["cpukinds"] == 1 { facts["cpukinds"] = 0 }
        return facts
    }

    /// Memory beside CPUs, without that of GPUs; nil where the file tells of none that can be.
    private func memoryForJobs(in row: TopologyFolder.Row, _ inventory: Inventory) -> Int64? {
        let ofGPUs = inventory.numaNodes.filter { $0.tier == .gpu && !$0.cpus.isEmpty }.compactMap(\.memoryBytes)
            .reduce(0, +)
        return row.number("memory_with_cpus_bytes").flatMap { $0 > ofGPUs ? $0 - ofGPUs : nil }
    }
}

/// What is true of every inventory, whatever it was read from.
func expectConsistent(_ inventory: Inventory, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(inventory.cores.map(\.index) == Array(0..<inventory.cores.count), sourceLocation: sourceLocation)
    let held = inventory.cores.reduce(into: CPUSet()) { $0.formUnion($1.cpus) }
    #expect(held.isSubset(of: inventory.cpus), sourceLocation: sourceLocation)
    let nodes = Dictionary(inventory.numaNodes.map { ($0.number, $0) }) { first, _ in first }
    for core in inventory.cores {
        if let node = core.numaNode {
            #expect(
                nodes[node]?.isHostMemory == true && core.cpus.isSubset(of: nodes[node]?.cpus ?? []),
                sourceLocation: sourceLocation)
        }
    }
    let names = inventory.devices.map(\.name)
    #expect(Set(names).count == names.count, sourceLocation: sourceLocation)
    #expect(inventory.devices.allSatisfy { ($0.memoryBytes ?? 1) > 0 && $0.count > 0 }, sourceLocation: sourceLocation)
    #expect(inventory.numaNodes.allSatisfy { ($0.memoryBytes ?? 1) > 0 }, sourceLocation: sourceLocation)
    #expect(try Inventory.decoded(inventory.encoded()) == inventory, sourceLocation: sourceLocation)
}
