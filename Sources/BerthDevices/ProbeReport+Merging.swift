public import BerthModel

extension ProbeReport {
    /// The inventory with what the drivers know, matched by PCI address.
    ///
    /// A GPU that hwloc found and a driver tells of takes over the driver's model, UUID, memory and health, one that hwloc
    /// did not find is added, and one that no driver tells of stays as it is. A GPU's MIG instances stand after it as
    /// devices of their own, and it is not given whole while they are on. GPUs are numbered by PCI address; declared
    /// devices stay last.
    public func merging(into inventory: Inventory) -> Inventory {
        var found: [PCIAddress: Device] = [:]
        var others: [Device] = []
        for device in inventory.devices {
            if !device.isDeclared, device.kind == "gpu", let address = device.pciAddress.flatMap({ PCIAddress($0) }) {
                found[address] = device
            } else {
                others.append(device)
            }
        }
        var probed: [PCIAddress: ProbedDevice] = [:]
        for device in devices where probed[device.pciAddress] == nil { probed[device.pciAddress] = device }
        for (address, device) in probed {
            found[address] = Self.completed(found[address], device)
        }

        var gpus: [Device] = []
        var names: [String: String] = [:]
        var taken = Set(others.map(\.name))
        for (number, (address, gpu)) in found.sorted(by: { $0.key < $1.key }).enumerated() {
            var named = gpu
            named.name = Self.free("gpu\(number)", &taken)
            if !gpu.name.isEmpty { names[gpu.name] = named.name }
            gpus.append(named)
            if let instances = probed[address]?.instances {
                gpus += instances.map { Self.device($0, of: named, &taken) }
            }
        }
        var merged = inventory
        let detected = (gpus + others.filter { !$0.isDeclared }).enumerated().sorted {
            (Self.place(of: $0.element), $0.offset) < (Self.place(of: $1.element), $1.offset)
        }
        merged.devices = detected.map(\.element) + others.filter(\.isDeclared)
        merged.links = links(known: inventory.links, names, gpus)
        return merged
    }

    /// What devices are listed by; those without an address come last.
    private static func place(of device: Device) -> PCIAddress {
        device.pciAddress.flatMap { PCIAddress($0) } ?? PCIAddress(domain: .max, bus: 0, device: 0)
    }

    private static func free(_ name: String, _ taken: inout Set<String>) -> String {
        var (candidate, number) = (name, 2)
        while !taken.insert(candidate).inserted {
            candidate = "\(name)-\(number)"
            number += 1
        }
        return candidate
    }

    private static func completed(_ known: Device?, _ probed: ProbedDevice) -> Device {
        var device = known ?? Device(name: "", kind: "gpu", pciAddress: probed.pciAddress.description)
        device.vendor = probed.vendor
        device.model = probed.model ?? device.model
        device.uuid = probed.uuid ?? device.uuid
        device.memoryBytes = probed.memoryBytes ?? device.memoryBytes
        device.health = probed.health
        if probed.isMIGEnabled, probed.health == .healthy {
            device.health = .unusable(
                probed.instances.isEmpty
                    ? "MIG is on and no instance is made; make some, or turn MIG off"
                    : "MIG is on: its \(probed.instances.count) instances are given in its place")
        }
        return device
    }

    private static func device(_ instance: ProbedDevice.Instance, of gpu: Device, _ taken: inout Set<String>) -> Device
    {
        var device = Device(
            name: free("\(gpu.name)-mig\(instance.index)", &taken), kind: "gpu", vendor: gpu.vendor, model: gpu.model,
            pciAddress: gpu.pciAddress, uuid: instance.uuid, memoryBytes: instance.memoryBytes,
            numaNodes: gpu.numaNodes, attributes: ["parent": .text(gpu.name)])
        if let profile = instance.profile { device.attributes["profile"] = .text(profile) }
        device.parent = gpu.name
        return device
    }

    /// The links by the GPUs' names now, with those that only the drivers tell of.
    private func links(known: [Inventory.DeviceLink], _ names: [String: String], _ gpus: [Device])
        -> [Inventory.DeviceLink]
    {
        var links = known.map { link in
            var renamed = link
            let ends = [names[link.from] ?? link.from, names[link.to] ?? link.to].sorted()
            (renamed.from, renamed.to) = (ends[0], ends[1])
            return renamed
        }
        var pairs = Set(links.map { [$0.from, $0.to] })
        let byAddress = Dictionary(
            gpus.filter { $0.parent == nil }.compactMap { gpu in
                gpu.pciAddress.flatMap { PCIAddress($0) }.map { ($0, gpu.name) }
            }
        ) { first, _ in first }
        for device in devices {
            for peer in device.links.keys.sorted() {
                guard let from = byAddress[device.pciAddress], let to = byAddress[peer], from != to else { continue }
                let pair = [from, to].sorted()
                if pairs.insert(pair).inserted {
                    links.append(Inventory.DeviceLink(from: pair[0], to: pair[1], kind: device.linkKind))
                }
            }
        }
        return links.sorted { ($0.from, $0.to, $0.kind.rawValue) < ($1.from, $1.to, $1.kind.rawValue) }
    }
}
