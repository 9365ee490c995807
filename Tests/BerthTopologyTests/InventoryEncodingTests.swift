import BerthModel
import BerthTopology
import Testing

/// A node's digest is taken of its encoded inventory: equal hardware is encoded equally, by every process.
@Suite(.timeLimit(.minutes(20)))
struct InventoryEncodingTests {
    @Test(.enabled(if: TopologyFolder.shared.isPresent), arguments: TopologyFolder.shared.rows.filter(\.isReadable))
    func `a machine is encoded in the same letters each time it is read`(row: TopologyFolder.Row) throws {
        let first = try TopologyFolder.shared.inventory(of: row.file)
        let second = try TopologyFolder.shared.inventory(of: row.file)
        #expect(try first.encoded() == second.encoded())
    }

    @Test(.enabled(if: TopologyFolder.shared.isPresent), arguments: TopologyFolder.shared.rows.filter(\.isReadable))
    func `a machine exported by Berth is the same machine again`(row: TopologyFolder.Row) throws {
        let topology = try Topology(xml: TopologyFolder.shared.bytes(of: row.file))
        let inventory = topology.inventory()
        let again = try Topology(xml: topology.xml()).inventory()
        #expect(again == inventory)
    }

    @Test func `a small machine's encoding is fixed, so that nodes keep their digests over an upgrade`() throws {
        var export = Export()
        export.cores = 1
        export.devices = Export.declared("qsim0", id: 50, [("Qubits", "30"), ("QubitBytes", "16"), ("Slots", "2")])
        let text = try Topology(xml: export.bytes).inventory().encoded()
        let expected = #"""
            {"architecture":"spoiled","cores":[{"cpus":"0","index":0,"numaNode":0,"number":0,"package":0}],"cpuKinds":[],"cpus":"0","devices":[{"attributes":{"maxQubits":30},"count":2,"environment":{},"health":{"healthy":{}},"isDeclared":true,"kind":"qsim","memoryRule":"16 * 2^qubits","name":"qsim0","numaNodes":[0]}],"instructionSets":[],"links":[],"memoryBytes":17179869184,"memorySource":"description","networkInterfaces":[],"numaNodes":[{"cpus":"0","memoryBytes":17179869184,"number":0,"tier":"dram"}],"packages":[{"cpus":"0","number":0}]}
            """#
        #expect(text == expected)
    }
}
