public import BerthModel
import Foundation

extension Inventory {
    /// With the files by which its GPUs are used, as the kernel and NVIDIA's driver tell of them. Instances of a divided GPU
    /// have that GPU's.
    ///
    /// - Parameter root: where the machine's `/sys`, `/proc` and `/dev` are; for tests.
    public func locatingDeviceFiles(root: String = "") -> Inventory {
        var located = self
        for index in located.devices.indices where !located.devices[index].isDeclared {
            guard let address = located.devices[index].pciAddress.flatMap({ PCIAddress($0) }) else { continue }
            let files = Self.renderingFiles(address, root) + Self.nvidiaFiles(address, root)
            if !files.isEmpty { located.devices[index].files = files.sorted() }
        }
        return located
    }

    /// What the kernel's graphics drivers make, AMD's and Intel's for computing as well: `card0` and `renderD128`.
    private static func renderingFiles(_ address: PCIAddress, _ root: String) -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(
            atPath: "\(root)/sys/bus/pci/devices/\(address)/drm")
        return (names ?? []).filter { $0.hasPrefix("card") || $0.hasPrefix("renderD") }.map { "/dev/dri/" + $0 }
    }

    /// `/dev/nvidiaN`, whose number is not the GPU's place among the others.
    private static func nvidiaFiles(_ address: PCIAddress, _ root: String) -> [String] {
        let path = "\(root)/proc/driver/nvidia/gpus/\(address)/information"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(whereSeparator: \.isNewline).compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].hasPrefix("Device Minor") else { return nil }
            return Int(parts[1].trimmingCharacters(in: .whitespaces)).map { "/dev/nvidia\($0)" }
        }
    }
}
