import BerthModel
import CHwloc

/// Accelerators, their links, and network interfaces.
///
/// One accelerator is one PCI function that carries a vendor's OS device, however many OS devices it carries (CUDA, NVML
/// and OpenCL each add one). Devices that the owner declared in the XML come as they are.
extension Topology {
    /// The devices in their order, and the names by PCI address.
    func devices(host: [Inventory.NUMANode]) -> (devices: [Device], names: [String: String]) {
        var found: [String: Device] = [:]
        var declared: [Device] = []
        for object in objects(HWLOC_OBJ_OS_DEVICE) {
            if info(object, "Berth") == "declared" {
                declared.append(declaredDevice(object, host: host))
            } else if let backend = Backend(object, { info($0, $1) }), let pci = pciDevice(above: object) {
                let address = pciAddress(pci)
                var device =
                    found[address] ?? blank(pci, kind: backend == .vectorEngine ? "accelerator" : "gpu", host: host)
                complete(&device, from: object)
                found[address] = device
            }
        }
        for object in objects(HWLOC_OBJ_MISC) where info(object, "Berth") == "declared" {
            declared.append(declaredDevice(object, host: host))
        }
        for pci in objects(HWLOC_OBJ_PCI_DEVICE) where isAccelerator(pci) && found[pciAddress(pci)] == nil {
            guard !hasDeclaredChild(pci) else { continue }
            var device = blank(pci, kind: "gpu", host: host)
            device.health = .unusable("present, but no driver tells of it")
            found[pciAddress(pci)] = device
        }
        var devices = found.sorted { $0.key < $1.key }.map(\.value)
        var numbers: [String: Int] = [:]
        for index in devices.indices {
            let number = numbers[devices[index].kind, default: 0]
            numbers[devices[index].kind] = number + 1
            devices[index].name = "\(devices[index].kind)\(number)"
        }
        let names = Dictionary(devices.compactMap { device in device.pciAddress.map { ($0, device.name) } }) {
            first, _ in first
        }
        return (devices + Self.distinct(declared.sorted { $0.name < $1.name }, from: Set(devices.map(\.name))), names)
    }

    /// The devices with a number after each name that stands already.
    private static func distinct(_ declared: [Device], from taken: Set<String>) -> [Device] {
        var taken = taken
        var numbers: [String: Int] = [:]
        return declared.map { device in
            var named = device
            while !taken.insert(named.name).inserted {
                let number = numbers[device.name, default: 1] + 1
                numbers[device.name] = number
                named.name = "\(device.name)-\(number)"
            }
            return named
        }
    }

    /// The vendors' back ends that hwloc shows as OS devices. Their types changed between versions of hwloc, so the
    /// subtype decides, and the name where there is none.
    private enum Backend {
        case gpu, vectorEngine

        init?(_ object: hwloc_obj_t, _ info: (hwloc_obj_t, String) -> String?) {
            let subtype = object.pointee.subtype.map { String(cString: $0) } ?? ""
            let name = object.pointee.name.map { String(cString: $0) } ?? ""
            switch subtype {
            case "CUDA", "NVML", "RSMI", "LevelZero": self = .gpu
            case "OpenCL":
                guard info(object, "OpenCLDeviceType") != "CPU" else { return nil }
                self = .gpu
            case "VectorEngine": self = .vectorEngine
            case "":
                let prefixes = ["cuda", "nvml", "rsmi", "opencl", "ze"]
                guard
                    prefixes.contains(where: { name.hasPrefix($0) && name.dropFirst($0.count).first?.isNumber == true })
                else { return nil }
                self = .gpu
            default: return nil
            }
        }
    }

    private func pciDevice(above object: hwloc_obj_t) -> hwloc_obj_t? {
        var parent = object.pointee.parent
        while let present = parent, present.pointee.type != HWLOC_OBJ_PCI_DEVICE { parent = present.pointee.parent }
        return parent
    }

    private func pciAddress(_ object: hwloc_obj_t) -> String {
        let pci = object.pointee.attr.pointee.pcidev
        func hex(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(hex(pci.domain, 4)):\(hex(pci.bus, 2)):\(hex(pci.dev, 2)).\(pci.func)"
    }

    /// A 3D controller, an other display controller or processing accelerator; a VGA controller is mostly a management
    /// controller's, so class 0300 is none.
    private func isAccelerator(_ object: hwloc_obj_t) -> Bool {
        let pci = object.pointee.attr.pointee.pcidev
        let vendors: Set<UInt16> = [0x10DE, 0x1002, 0x8086, 0x1BCF]
        return vendors.contains(pci.vendor_id)
            && (pci.class_id == 0x0302 || pci.class_id == 0x0380 || pci.class_id >> 8 == 0x12 || pci.class_id == 0x0B40)
    }

    private func hasDeclaredChild(_ object: hwloc_obj_t) -> Bool {
        var child = object.pointee.io_first_child
        while let present = child {
            if info(present, "Berth") == "declared" { return true }
            child = present.pointee.next_sibling
        }
        return false
    }

    private func blank(_ pci: hwloc_obj_t, kind: String, host: [Inventory.NUMANode]) -> Device {
        let vendor: String? =
            switch pci.pointee.attr.pointee.pcidev.vendor_id {
            case 0x10DE: "NVIDIA"
            case 0x1002: "AMD"
            case 0x8086: "Intel"
            case 0x1BCF: "NEC"
            default: info(pci, "PCIVendor")
            }
        return Device(
            name: "", kind: kind, vendor: vendor, model: info(pci, "PCIDevice"), pciAddress: pciAddress(pci),
            numaNodes: near(pci, host: host))
    }

    /// The NUMA nodes with host memory that an object lies at; empty where it may be near to any.
    private func near(_ object: hwloc_obj_t, host: [Inventory.NUMANode]) -> [Int] {
        guard let place = hwloc_get_non_io_ancestor_obj(handle, object) else { return [] }
        let nodes = host.filter { hwloc_bitmap_isset(place.pointee.nodeset, UInt32($0.number)) != 0 }.map(\.number)
        return host.count > 1 && nodes.count == host.count ? [] : nodes
    }

    /// Adds what one of its OS devices knows.
    private func complete(_ device: inout Device, from object: hwloc_obj_t) {
        device.model = info(object, "GPUModel") ?? device.model
        device.uuid =
            device.uuid ?? info(object, "NVIDIAUUID") ?? info(object, "AMDUUID") ?? info(object, "LevelZeroUUID")
        for (name, unit) in [
            ("CUDAGlobalMemorySize", Int64(1024)), ("RSMIVRAMSize", 1024), ("OpenCLGlobalMemorySize", 1024),
            ("LevelZeroHBMSize", 1024), ("LevelZeroDDRSize", 1024), ("NVMLMemorySize", 1024),
        ] {
            device.memoryBytes = device.memoryBytes ?? bytes(object, name, unit: unit)
        }
    }

    /// A size that an info attribute gives; nil where it is none that a device can have.
    private func bytes(_ object: hwloc_obj_t, _ name: String, unit: Int64 = 1) -> Int64? {
        guard let size = info(object, name).flatMap({ Int64($0) }), size > 0 else { return nil }
        let (bytes, overflow) = size.multipliedReportingOverflow(by: unit)
        return overflow || bytes > 1 << 48 ? nil : bytes
    }

    private func declaredDevice(_ object: hwloc_obj_t, host: [Inventory.NUMANode]) -> Device {
        let subtype = object.pointee.subtype.map { String(cString: $0) } ?? ""
        let kinds = ["QuantumSimulator": "qsim", "QPU": "qpu", "FPGA": "fpga", "MIG": "mig"]
        var attributes: [String: AttributeValue] = [:]
        if let qubits = info(object, "Qubits").flatMap({ Double($0) }), qubits.isFinite {
            attributes["maxQubits"] = .number(qubits)
        }
        for (name, attribute) in [("Backend", "backend"), ("Endpoint", "endpoint"), ("MIGProfile", "profile")] {
            if let text = info(object, name) { attributes[attribute] = .text(text) }
        }
        let memoryBytes =
            bytes(object, "MIGMemorySize", unit: 1024) ?? bytes(object, "MemoryBytes") ?? bytes(object, "HBMBytes")
        // A state vector's rule follows from the bytes of one amplitude.
        let rule = info(object, "QubitBytes").flatMap { try? MemoryRule("\($0) * 2^qubits") }
        return Device(
            name: object.pointee.name.map { String(cString: $0) } ?? "device\(object.pointee.gp_index)",
            kind: kinds[subtype] ?? (subtype.isEmpty ? "accelerator" : subtype.lowercased()),
            model: info(object, "Model") ?? info(object, "Backend") ?? info(object, "MIGProfile"),
            pciAddress: pciDevice(above: object).map { pciAddress($0) }, uuid: info(object, "NVIDIAUUID"),
            memoryBytes: memoryBytes, numaNodes: near(object, host: host),
            count: min(max(1, info(object, "Slots").flatMap { Int($0) } ?? 1), 100_000), attributes: attributes,
            memoryRule: rule,
            isDeclared: true)
    }

    // MARK: - Links and networks

    /// Links between devices, from hwloc's distance matrices. NVSwitch ports are merged and paths over them closed, so
    /// that GPUs on one switch are linked to each other.
    func links(_ names: [String: String]) -> [Inventory.DeviceLink] {
        let matrices: [(String, Inventory.DeviceLink.Kind)] = [("NVLinkBandwidth", .nvlink), ("XGMIBandwidth", .xgmi)]
        return matrices.flatMap { name, kind -> [Inventory.DeviceLink] in
            var count: UInt32 = 1
            var matrix: UnsafeMutablePointer<hwloc_distances_s>?
            guard hwloc_distances_get_by_name(handle, name, &count, &matrix, 0) == 0, count > 0, let matrix else {
                return []
            }
            defer { hwloc_distances_release(handle, matrix) }
            let direct = links(in: matrix.pointee, kind: kind, names)
            guard kind == .nvlink else { return direct }
            // The closure puts the way over switches in the place of every direct link, also where there is no switch.
            for transform in [
                HWLOC_DISTANCES_TRANSFORM_MERGE_SWITCH_PORTS, HWLOC_DISTANCES_TRANSFORM_TRANSITIVE_CLOSURE,
            ] { _ = hwloc_distances_transform(handle, matrix, transform, nil, 0) }
            return Self.fastest(direct + links(in: matrix.pointee, kind: kind, names))
        }
    }

    /// One link for each pair of devices.
    private static func fastest(_ links: [Inventory.DeviceLink]) -> [Inventory.DeviceLink] {
        let sorted = links.sorted {
            ($0.from, $0.to, -($0.megabytesPerSecond ?? 0)) < ($1.from, $1.to, -($1.megabytesPerSecond ?? 0))
        }
        return sorted.indices.filter { index in
            index == 0 || sorted[index - 1].from != sorted[index].from || sorted[index - 1].to != sorted[index].to
        }.map { sorted[$0] }
    }

    private func links(in matrix: hwloc_distances_s, kind: Inventory.DeviceLink.Kind, _ names: [String: String])
        -> [Inventory.DeviceLink]
    {
        let size = Int(matrix.nbobjs)
        let devices = (0..<size).map { index -> String? in
            guard let object = matrix.objs[index] else { return nil }
            let pci = object.pointee.type == HWLOC_OBJ_PCI_DEVICE ? object : pciDevice(above: object)
            return pci.flatMap { names[pciAddress($0)] }
        }
        var links: [Inventory.DeviceLink] = []
        for row in 0..<size {
            for column in 0..<size where row != column {
                let value = matrix.values[row * size + column]
                guard let from = devices[row], let to = devices[column], from < to, value > 0, value < 1 << 40 else {
                    continue
                }
                links.append(.init(from: from, to: to, kind: kind, megabytesPerSecond: Int64(value)))
            }
        }
        return links.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
    }

    func networkInterfaces(host: [Inventory.NUMANode]) -> [Inventory.NetworkInterface] {
        objects(HWLOC_OBJ_OS_DEVICE).compactMap { object in
            let kind: Inventory.NetworkInterface.Kind
            switch object.pointee.attr.pointee.osdev.type {
            case HWLOC_OBJ_OSDEV_NETWORK: kind = .ethernet
            case HWLOC_OBJ_OSDEV_OPENFABRICS: kind = .fabric
            default: return nil
            }
            return Inventory.NetworkInterface(
                name: object.pointee.name.map { String(cString: $0) } ?? "", kind: kind,
                pciAddress: pciDevice(above: object).map { pciAddress($0) }, numaNodes: near(object, host: host))
        }.sorted { $0.name < $1.name }
    }
}
