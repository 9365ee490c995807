import BerthDevices
import BerthModel
import Testing

@Suite(.enabled(if: StandIn.compiler != nil, "it needs a C compiler"))
struct NVMLProbeTests {
    @Test func `a machine's GPUs come with model, UUID, memory, links and driver`() throws {
        let standIn = try StandIn(gpus: 8)
        let report = NVMLProbe(path: standIn.library).report()
        #expect(report.problems.isEmpty)
        #expect(report.drivers == ["nvidia": "580.65.06"])
        #expect(report.devices.count == 8)
        let first = try #require(report.devices.first)
        #expect(first.pciAddress.description == "0000:80:00.0")
        #expect(first.model == "NVIDIA H100 80GB HBM3")
        #expect(first.uuid == "GPU-00000")
        #expect(first.memoryBytes == 80 << 30)
        #expect(first.links == [PCIAddress(domain: 0, bus: 0x7F, device: 0): 2])
        #expect(first.health == .healthy)
    }

    @Test func `a divided GPU's instances are devices and it is not given whole`() throws {
        let standIn = try StandIn(gpus: 2, "MIG")
        let inventory = NVMLProbe(path: standIn.library).report().merging(into: Inventory())
        #expect(inventory.devices.map(\.name) == ["gpu0", "gpu1", "gpu1-mig1", "gpu1-mig4"])
        #expect(
            inventory.devices[1].health == .unusable("MIG is on: its 2 instances are given in its place"))
        let part = inventory.devices[2]
        #expect(part.uuid == "MIG-00001")
        #expect(part.memoryBytes == 10 << 30)
        #expect(part.attributes == ["parent": .text("gpu1"), "profile": .text("1g.10gb")])
    }

    @Test func `answers that no driver should give are left out`() throws {
        let standIn = try StandIn(gpus: 4, "GARBAGE")
        let report = NVMLProbe(path: standIn.library).report()
        #expect(report.devices.count == 2)
        #expect(report.problems.count == 2)
        #expect(report.devices.allSatisfy { $0.model == nil && $0.memoryBytes == nil })
        #expect(report.devices.allSatisfy { ($0.uuid?.utf8.count ?? 0) < 96 })
    }

    @Test func `no library is a sentence and no device`() {
        let report = DeviceSurvey.report(of: [NVMLProbe(path: "/nowhere/libnvidia-ml.so.1")])
        #expect(report.devices.isEmpty)
        #expect(report.problems.count == 1)
    }
}
