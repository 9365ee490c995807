import BerthModel
import CDeviceDrivers

extension GPUDriver {
    /// What the driver says of its GPUs; nothing where it is not installed. May block for as long as the driver does.
    public func report() -> ProbeReport {
        do {
            guard let library = try DriverLibrary.open(self) else { return ProbeReport() }
            return report(library)
        } catch {
            return ProbeReport(problems: ["\(name) tells nothing: \(error)"])
        }
    }

    private func report(_ library: DriverLibrary) -> ProbeReport {
        var report = ProbeReport()
        report.drivers[stackName] = library.driverVersion
        for index in 0..<library.count {
            do {
                let gpu = try library.describe(index)
                guard let address = PCIAddress(gpu.pci) else {
                    let place = "\(gpu.pci.bus), device \(gpu.pci.device) and function \(gpu.pci.function)"
                    report.problems.append("\(name) gives GPU \(index) the PCI bus \(place), which none has.")
                    continue
                }
                var device = ProbedDevice(
                    pciAddress: address, vendor: vendor, model: gpu.modelText, uuid: gpu.uuidText,
                    memoryBytes: gpu.bytes, isMIGEnabled: gpu.is_mig_on != 0,
                    instances: instances(library, index, room: Int(gpu.mig_room)),
                    health: library.evidence(index).problem.map { .unusable($0) } ?? .healthy)
                if let links {
                    device.linkKind = links
                    device.links = library.peers(index).reduce(into: [:]) { $0[$1, default: 0] += 1 }
                }
                report.devices.append(device)
            } catch {
                report.problems.append("\(name) tells nothing of GPU \(index): \(error)")
            }
        }
        report.devices = whole(report.devices)
        return report
    }

    private func instances(_ library: DriverLibrary, _ index: Int, room: Int) -> [ProbedDevice.Instance] {
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

    /// One device for each place. Partitions of a GPU share its address and UUID, so none can be given without the others.
    private func whole(_ devices: [ProbedDevice]) -> [ProbedDevice] {
        let counts = devices.reduce(into: [PCIAddress: Int]()) { $0[$1.pciAddress, default: 0] += 1 }
        var seen: Set<PCIAddress> = []
        return devices.filter { seen.insert($0.pciAddress).inserted }.map { device in
            guard let count = counts[device.pciAddress], count > 1, let remedyForPartitions else { return device }
            var divided = device
            divided.health = .unusable(
                "it is divided into \(count) partitions, which cannot be given one by one. Make it whole: "
                    + remedyForPartitions)
            return divided
        }
    }
}
