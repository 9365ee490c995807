import BerthDevices
import BerthModel
import Testing

@Suite(.enabled(if: StandIn.compiler != nil, "it needs a C compiler"))
struct GPUDriverTests {
    @Test func `NVIDIA's GPUs come with model, UUID, memory, links and driver`() throws {
        let standIn = try StandIn(.nvml, gpus: 8)
        let report = standIn.driver.report()
        #expect(report.problems.isEmpty)
        #expect(report.drivers == ["nvidia": "580.65.06"])
        #expect(report.devices.count == 8)
        let first = try #require(report.devices.first)
        #expect(first.pciAddress.description == "0000:80:00.0")
        #expect(first.model == "NVIDIA H100 80GB HBM3")
        #expect(first.uuid == "GPU-00000")
        #expect(first.memoryBytes == 80 << 30)
        #expect(first.links == [PCIAddress(domain: 0, bus: 0x7F, device: 0): 2])
        #expect(first.linkKind == .nvlink)
        #expect(first.health == .healthy)
    }

    @Test func `AMD's GPUs come with model, UUID, memory, links and driver`() throws {
        let standIn = try StandIn(.rocmSMI, gpus: 4)
        let report = standIn.driver.report()
        #expect(report.problems.isEmpty)
        #expect(report.drivers == ["amdgpu": "6.12.12"])
        #expect(
            report.devices.map(\.pciAddress.description) == [
                "0001:80:03.0", "0001:7f:03.0", "0001:7e:03.0", "0001:7d:03.0",
            ])
        let first = try #require(report.devices.first)
        #expect(first.model == "AMD Instinct MI300X")
        #expect(first.uuid == "GPU-0000000000abc000")
        #expect(first.memoryBytes == 80 << 30)
        #expect(first.health == .healthy)
        let inventory = report.merging(into: Inventory())
        #expect(inventory.devices.map(\.uuid?.last) == ["3", "2", "1", "0"])
        #expect(inventory.links.map { [$0.from, $0.to] } == [["gpu0", "gpu1"], ["gpu2", "gpu3"]])
        #expect(inventory.links.allSatisfy { $0.kind == .xgmi })
    }

    @Test func `Intel's GPUs come with model, UUID, memory and driver, and other devices are left out`() throws {
        let standIn = try StandIn(.levelZero)
        let report = standIn.driver.report()
        #expect(report.problems.isEmpty)
        #expect(report.drivers == ["level-zero": "1.6.31294"])
        #expect(report.devices.map(\.pciAddress.description) == ["0000:80:00.0", "0000:7f:00.0"])
        let first = try #require(report.devices.first)
        #expect(first.vendor == "Intel")
        #expect(first.model == "Intel(R) Data Center GPU Max 1550")
        #expect(first.uuid == "101112131415161718191a1b1c1d1e1f")
        #expect(first.memoryBytes == 80 << 30)
        #expect(first.links.isEmpty)
        #expect(first.health == .healthy)
    }

    @Test func `a divided GPU's MIG instances are devices and it is not given whole`() throws {
        let devices = try StandIn(.nvml, "MIG").devices
        #expect(devices.map(\.name) == ["gpu0", "gpu1", "gpu1-mig1", "gpu1-mig4"])
        #expect(devices[1].health == .unusable("MIG is on: its 2 instances are given in its place"))
        let part = devices[2]
        #expect(part.uuid == "MIG-00001")
        #expect(part.memoryBytes == 10 << 30)
        #expect(part.attributes == ["parent": .text("gpu1"), "profile": .text("1g.10gb")])
    }

    @Test func `partitions that share an address are one GPU that cannot be given`() throws {
        let devices = try StandIn(.rocmSMI, "PARTITIONED").devices
        #expect(devices.map(\.pciAddress) == ["0001:7f:03.0", "0001:80:03.0"])
        for device in devices {
            guard case .unusable(let evidence) = device.health else {
                Issue.record("\(device.name) is given")
                continue
            }
            #expect(evidence.contains("2 partitions") && evidence.hasSuffix("--setcomputepartition SPX"))
        }
    }

    @Test(arguments: [(StandIn.Vendor.nvml, 2), (.rocmSMI, 3), (.levelZero, 2)])
    func `answers that no driver should give are left out`(vendor: StandIn.Vendor, kept: Int) throws {
        let standIn = try StandIn(vendor, gpus: 4, "GARBAGE")
        let report = standIn.driver.report()
        #expect(report.devices.count == kept)
        #expect(report.problems.count == 4 - kept)
        #expect(report.devices.allSatisfy { $0.model == nil && $0.memoryBytes == nil && $0.health == .healthy })
        #expect(report.devices.allSatisfy { ($0.uuid?.utf8.count ?? 0) < 96 })
    }

    @Test(arguments: StandIn.Vendor.allCases)
    func `a driver that is not installed has no devices, and that is no problem`(vendor: StandIn.Vendor) {
        #expect(vendor.driver(["/nowhere/library.so", "no-such-library.so.1"]).report() == ProbeReport())
    }

    @Test(arguments: StandIn.Vendor.allCases)
    func `the first library that is there is used`(vendor: StandIn.Vendor) throws {
        let standIn = try StandIn(vendor)
        #expect(vendor.driver(["no-such-library.so.1", standIn.library]).report().devices.count == 2)
    }

    @Test(arguments: StandIn.Vendor.allCases)
    func `a library without a call that is needed says that it may be too old`(vendor: StandIn.Vendor) throws {
        let standIn = try StandIn(vendor, "OLD")
        let report = standIn.driver.report()
        #expect(report.devices.isEmpty)
        #expect(report.problems.count == 1 && report.problems[0].hasSuffix("is it too old?"))
    }

    @Test(arguments: [
        (StandIn.Vendor.nvml, "NVML tells nothing: Driver Not Loaded (9)"),
        (.rocmSMI, "ROCm SMI tells nothing: An error occurred during initialization (8)"),
        (.levelZero, "Level Zero tells nothing: it finds no driver (2013265921)"),
    ])
    func `a library that does not begin says why`(vendor: StandIn.Vendor, problem: String) throws {
        let standIn = try StandIn(vendor, "FAILS")
        #expect(standIn.driver.report() == ProbeReport(problems: [problem]))
    }

    @Test func `a file that is no library is a problem`() {
        let report = GPUDriver.amd(libraries: [#filePath]).report()
        #expect(report.problems.count == 1 && report.problems[0].hasPrefix("ROCm SMI tells nothing: "))
    }

    @Test func `a driver that hangs is left behind, and the others are heard`() throws {
        let hanging = try StandIn(.nvml)
        let working = try StandIn(.rocmSMI)
        try hanging.become("hang")
        let report = DeviceSurvey.report(of: [hanging.driver, working.driver], within: .seconds(1))
        #expect(report.devices.map(\.vendor) == ["AMD", "AMD"])
        #expect(report.problems.count == 1 && report.problems[0].hasPrefix("NVML has not answered within 1.0 seconds"))
    }

    @Test func `only drivers that have told of a device are asked again`() {
        var silent = Device(name: "gpu0", kind: "gpu", vendor: "NVIDIA", pciAddress: "0000:3b:00.0")
        silent.health = .unusable("present, but no driver tells of it")
        var worn = Device(name: "gpu1", kind: "gpu", vendor: "AMD", pciAddress: "0000:3c:00.0", uuid: "GPU-1")
        worn.health = .unusable("ECC: 3 uncorrected memory errors")
        let declared = Device(name: "gpu2", kind: "gpu", vendor: "Intel", isDeclared: true)
        #expect(GPUDriver.telling(of: [silent, worn, declared]).map(\.name) == ["ROCm SMI"])
    }
}
