import BerthDevices
import BerthModel
import Testing

@Suite(.enabled(if: StandIn.compiler != nil, "it needs a C compiler"))
struct NVMLMeterTests {
    private func attempt() throws -> AttemptID { try #require(AttemptID("7@1")) }

    @Test func `a whole GPU's memory and energy are its attempt's`() throws {
        let standIn = try StandIn(gpus: 2)
        let devices = NVMLProbe(path: standIn.library).report().merging(into: Inventory()).devices
        let meter = try NVMLMeter(devices, library: standIn.library)
        let id = try attempt()
        meter.begin(id, [Allocation.DeviceShare(name: "gpu1", kind: "gpu", thousandths: 1000)]) { [] }
        meter.look(at: id)
        try standIn.become("busy")
        try standIn.become("energy")
        meter.look(at: id)
        #expect(meter.end(id) == AcceleratorUse(peakMemoryBytes: 40 << 30, energyJoules: 5))
        #expect(meter.end(id) == nil)
    }

    @Test func `who holds more than its share is told so`() throws {
        let standIn = try StandIn(gpus: 1)
        let devices = NVMLProbe(path: standIn.library).report().merging(into: Inventory()).devices
        let meter = try NVMLMeter(devices, library: standIn.library)
        let id = try attempt()
        try standIn.become("busy")
        meter.begin(id, [Allocation.DeviceShare(name: "gpu0", kind: "gpu", thousandths: 250)]) { [100] }
        meter.look(at: id)
        let use = try #require(meter.end(id))
        #expect(use.peakMemoryBytes == 40 << 30)
        #expect(use.energyJoules == nil)
        #expect(use.notes.count == 1 && use.notes[0].contains("\(Int64(20) << 30) bytes"))

        meter.begin(id, [Allocation.DeviceShare(name: "gpu0", kind: "gpu", thousandths: 250)]) { [300] }
        meter.look(at: id)
        #expect(meter.end(id) == AcceleratorUse(peakMemoryBytes: 0))
    }
}
