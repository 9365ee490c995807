import BerthModel
import CDeviceDrivers

/// NVIDIA's GPUs, as their driver describes them.
public struct NVMLProbe: DeviceProbe {
    public let name = "NVML"
    private let path: String

    /// - Parameter path: the library's name or path; the driver installs it as `libnvidia-ml.so.1`.
    public init(path: String = "libnvidia-ml.so.1") { self.path = path }

    public func report() -> ProbeReport {
        do {
            return Self.report(try NVMLLibrary(path: path))
        } catch {
            return ProbeReport(problems: ["NVML tells nothing: \(error)"])
        }
    }

    private static func report(_ library: NVMLLibrary) -> ProbeReport {
        var report = ProbeReport()
        report.drivers["nvidia"] = library.driverVersion
        for index in 0..<library.count {
            do {
                let gpu = try library.describe(index)
                guard let address = PCIAddress(gpu) else {
                    report.problems.append(
                        "NVML gives GPU \(index) the PCI bus \(gpu.pci_bus) and device \(gpu.pci_device), which none has."
                    )
                    continue
                }
                report.devices.append(
                    ProbedDevice(
                        pciAddress: address, vendor: "NVIDIA", model: gpu.modelText, uuid: gpu.uuidText,
                        memoryBytes: gpu.bytes, minorNumber: gpu.minor < 0 ? nil : Int(gpu.minor),
                        isMIGEnabled: gpu.is_mig_on != 0, instances: instances(library, index, room: Int(gpu.mig_room)),
                        links: links(library, index),
                        health: GPUEvidence(library, index).problem.map { .unusable($0) } ?? .healthy))
            } catch {
                report.problems.append("NVML tells nothing of GPU \(index): \(error)")
            }
        }
        return report
    }

    private static func instances(_ library: NVMLLibrary, _ index: Int, room: Int) -> [ProbedDevice.Instance] {
        var known: Set<String> = []
        return (0..<max(0, room)).compactMap { place in
            guard let part = try? library.describe(index, instance: place), let uuid = part.uuidText,
                known.insert(uuid).inserted
            else { return nil }
            // "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
            let words = part.modelText?.split(separator: " ") ?? []
            let profile = words.lastIndex(of: "MIG").map { words[words.index(after: $0)...].joined(separator: " ") }
            return ProbedDevice.Instance(
                index: place, uuid: uuid, profile: profile?.isEmpty == true ? nil : profile, memoryBytes: part.bytes)
        }
    }

    /// No GPU has more links (`NVML_NVLINK_MAX_LINKS`).
    private static let mostLinks = 18

    private static func links(_ library: NVMLLibrary, _ index: Int) -> [PCIAddress: Int] {
        (0..<mostLinks).reduce(into: [:]) { links, link in
            if let peer = library.linkPeer(index, link: link) { links[peer, default: 0] += 1 }
        }
    }
}
