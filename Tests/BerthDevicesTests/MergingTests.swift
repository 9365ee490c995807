import BerthDevices
import BerthModel
import Foundation
import Testing

struct MergingTests {
    private let first = PCIAddress(domain: 0, bus: 0x3B, device: 0)
    private let second = PCIAddress(domain: 0, bus: 0x86, device: 0)

    @Test(arguments: ["0000:3b:00.0", "00000000:3B:00.0", "3b:00.0", "0000:3b:00"])
    func `one address has one spelling`(text: String) {
        #expect(PCIAddress(text) == first)
        #expect(PCIAddress(text)?.description == "0000:3b:00.0")
    }

    @Test(arguments: ["", ":", "3b", "0000:3b:20.0", "0000:3b:00.8", "1:2:3:4.5", "gg:00.0", "0000:100:00.0"])
    func `what is no address is none`(text: String) { #expect(PCIAddress(text) == nil) }

    @Test func `a driver completes what hwloc found and what it does not know stays`() {
        var blind = Device(name: "gpu1", kind: "gpu", pciAddress: "0000:86:00.0", numaNodes: [1])
        blind.health = .unusable("present, but no driver tells of it")
        let known = Device(name: "gpu0", kind: "gpu", pciAddress: "0000:3b:00.0", health: blind.health)
        let report = ProbeReport(devices: [
            ProbedDevice(pciAddress: second, vendor: "NVIDIA", model: "L4", uuid: "GPU-1", memoryBytes: 24 << 30)
        ])
        let merged = report.merging(into: Inventory(devices: [known, blind])).devices
        #expect(merged[0] == known)
        #expect(merged[1].model == "L4")
        #expect(merged[1].health == .healthy)
        #expect(merged[1].numaNodes == [1])
    }

    @Test func `a GPU that hwloc did not see takes its place by address, and links keep their ends`() {
        let third = Device(name: "gpu0", kind: "gpu", pciAddress: "0000:86:00.0")
        let fourth = Device(name: "gpu1", kind: "gpu", pciAddress: "0000:87:00.0")
        let declared = Device(name: "qsim0", kind: "qsim", isDeclared: true)
        let inventory = Inventory(
            devices: [third, fourth, declared],
            links: [Inventory.DeviceLink(from: "gpu0", to: "gpu1", kind: .nvlink, megabytesPerSecond: 50_000)])
        let report = ProbeReport(devices: [
            ProbedDevice(pciAddress: first, vendor: "NVIDIA", links: [second: 4]),
            ProbedDevice(pciAddress: second, vendor: "NVIDIA", links: [first: 4]),
        ])
        let merged = report.merging(into: inventory)
        #expect(merged.devices.map(\.name) == ["gpu0", "gpu1", "gpu2", "qsim0"])
        #expect(merged.links.map { [$0.from, $0.to] } == [["gpu0", "gpu1"], ["gpu1", "gpu2"]])
        #expect(merged.links.map(\.megabytesPerSecond) == [nil, 50_000])
        #expect(report.merging(into: merged) == merged)
    }

    @Test
    func `a GPU's files are those that the kernel and NVIDIA's driver tell of`()
        throws
    {
        let root = FileManager.default.temporaryDirectory.path + "/berth-files-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: root) }
        func make(_ path: String, _ text: String = "") throws {
            let url = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        for file in ["card1/uevent", "renderD129/uevent", "version"] {
            try make("/sys/bus/pci/devices/0000:3b:00.0/drm/" + file)
        }
        try make(
            "/proc/driver/nvidia/gpus/0000:3b:00.0/information",
            "Model: \t\t NVIDIA H100\nDevice Minor: \t 3\nGPU Excluded:\t No\n")
        var declared = Device(name: "fpga0", kind: "fpga", pciAddress: "0000:3b:00.0", isDeclared: true)
        declared.files = ["/dev/fpga0"]
        let devices = [
            Device(name: "gpu0", kind: "gpu", pciAddress: "0000:3b:00.0"),
            Device(name: "gpu1", kind: "gpu", pciAddress: "0000:86:00.0"), declared,
        ]
        let located = Inventory(devices: devices).locatingDeviceFiles(root: root).devices
        #expect(
            located.map(\.files) == [["/dev/dri/card1", "/dev/dri/renderD129", "/dev/nvidia3"], nil, ["/dev/fpga0"]])
    }
}
