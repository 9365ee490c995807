import BerthDevices
import BerthModel
import Testing

@Suite(.enabled(if: StandIn.compiler != nil, "it needs a C compiler"))
struct GPUMeterTests {
    private func attempt() throws -> AttemptID { try #require(AttemptID("7@1")) }

    @Test(arguments: StandIn.Vendor.allCases)
    func `a whole GPU's memory and energy are its attempt's`(vendor: StandIn.Vendor) throws {
        let standIn = try StandIn(vendor)
        let meter = try #require(GPUMeter(standIn.devices, drivers: [standIn.driver]))
        let id = try attempt()
        meter.begin(id, [Allocation.DeviceShare(name: "gpu1", kind: "gpu", thousandths: 1000)]) { [] }
        meter.look(at: id)
        try standIn.become("busy")
        try standIn.become("energy")
        meter.look(at: id)
        #expect(meter.end(id) == AcceleratorUse(peakMemoryBytes: 40 << 30, energyJoules: 5))
        #expect(meter.end(id) == nil)
    }

    @Test(arguments: StandIn.Vendor.allCases)
    func `who holds more than its share is told so`(vendor: StandIn.Vendor) throws {
        let standIn = try StandIn(vendor, gpus: 1)
        let meter = try #require(GPUMeter(standIn.devices, drivers: [standIn.driver]))
        let id = try attempt()
        try standIn.become("busy")
        meter.begin(id, [Allocation.DeviceShare(name: "gpu0", kind: "gpu", thousandths: 250)]) { [100] }
        meter.look(at: id)
        let use = try #require(meter.end(id))
        #expect(use.peakMemoryBytes == 40 << 30)
        #expect(use.energyJoules == nil)
        #expect(use.notes.count == 1 && use.notes[0].contains("\(Int64(20) << 30) bytes"))

        meter.begin(id, [Allocation.DeviceShare(name: "gpu0", kind: "gpu", thousandths: 250)]) { [400] }
        meter.look(at: id)
        #expect(meter.end(id) == AcceleratorUse(peakMemoryBytes: 0))
    }

    @Test func `GPUs of two vendors are measured together`() throws {
        let amd = try StandIn(.rocmSMI, gpus: 1)
        let nvidia = try StandIn(.nvml, gpus: 1)
        let report = DeviceSurvey.report(of: [amd.driver, nvidia.driver])
        let devices = report.merging(into: Inventory()).devices
        #expect(devices.map(\.vendor) == ["NVIDIA", "AMD"])
        let meter = try #require(GPUMeter(devices, drivers: [amd.driver, nvidia.driver]))
        let id = try attempt()
        meter.begin(id, devices.map { Allocation.DeviceShare(name: $0.name, kind: "gpu", thousandths: 1000) }) { [] }
        try amd.become("busy")
        try nvidia.become("busy")
        try amd.become("energy")
        meter.look(at: id)
        #expect(meter.end(id) == AcceleratorUse(peakMemoryBytes: 80 << 30, energyJoules: 5))
    }

    @Test func `a device's counter serves where the card has none`() throws {
        let standIn = try StandIn(.levelZero, gpus: 1, "NOCARD")
        let meter = try #require(GPUMeter(standIn.devices, drivers: [standIn.driver]))
        let id = try attempt()
        meter.begin(id, [Allocation.DeviceShare(name: "gpu0", kind: "gpu", thousandths: 1000)]) { [] }
        try standIn.become("energy")
        #expect(meter.end(id) == AcceleratorUse(energyJoules: 5))
    }

    @Test(arguments: StandIn.Vendor.allCases)
    func `answers that no driver should give measure nothing`(vendor: StandIn.Vendor) throws {
        let standIn = try StandIn(vendor, gpus: 1, "GARBAGE")
        let meter = try #require(GPUMeter(standIn.devices, drivers: [standIn.driver]))
        let id = try attempt()
        meter.begin(id, [Allocation.DeviceShare(name: "gpu0", kind: "gpu", thousandths: 1000)]) { [] }
        meter.look(at: id)
        #expect((meter.end(id)?.peakMemoryBytes ?? 0) == 0)
    }

    @Test func `without a driver there is no meter`() {
        let device = Device(name: "gpu0", kind: "gpu", vendor: "AMD", pciAddress: "0000:3b:00.0", uuid: "GPU-1")
        #expect(GPUMeter([device], drivers: [.amd(libraries: ["/nowhere/library.so"])]) == nil)
    }
}
