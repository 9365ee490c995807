public import BerthModel
import CHwloc

extension Topology {
    /// The hardware as decisions see it.
    ///
    /// - Parameter memory: what this machine's memory really is, where hwloc's numbers are not to be trusted; nil takes
    ///   the topology's.
    public func inventory(memory: SystemMemory? = nil) -> Inventory {
        let cpus = CPUSet(hwloc_topology_get_allowed_cpuset(handle)).intersection(
            CPUSet(objects(HWLOC_OBJ_PU).map { Int($0.pointee.os_index) }.filter { $0 <= CPUSet.largestNumber }))
        var numaNodes = numaNodes(allowed: cpus)
        var source: Inventory.MemorySource = isThisMachine ? .numaNodes : .description
        if let memory, isThisMachine { source = memory.apply(to: &numaNodes) }
        let host = numaNodes.filter(\.isHostMemory)
        let packages = objects(HWLOC_OBJ_PACKAGE).compactMap { object -> Inventory.Package? in
            let own = CPUSet(object.pointee.cpuset).intersection(cpus)
            return own.isEmpty
                ? nil
                : Inventory.Package(number: Int(object.pointee.os_index), model: info(object, "CPUModel"), cpus: own)
        }.sorted { $0.number < $1.number }
        let kinds = cpuKinds(allowed: cpus)
        let root = hwloc_get_root_obj(handle)
        let devices = devices(host: host)
        var inventory = Inventory(
            packages: packages, numaNodes: numaNodes, cores: cores(packages: packages, host: host, kinds: kinds, cpus),
            cpus: cpus, cpuKinds: kinds, devices: devices.devices, links: links(devices.names),
            networkInterfaces: networkInterfaces(host: host), memoryBytes: Self.total(host), memorySource: source,
            cpuModel: packages.compactMap(\.model).first ?? root.flatMap { info($0, "CPUModel") },
            architecture: root.flatMap { info($0, "Architecture") })
        if inventory.memoryBytes == nil { inventory.memorySource = .unknown }
        return inventory
    }

    private static func total(_ host: [Inventory.NUMANode]) -> Int64? {
        var sum: Int64 = 0
        for bytes in host.compactMap(\.memoryBytes) {
            let (next, overflow) = sum.addingReportingOverflow(bytes)
            if overflow { return nil }
            sum = next
        }
        return sum > 0 ? sum : nil
    }

    func objects(_ type: hwloc_obj_type_t) -> [hwloc_obj_t] {
        var found: [hwloc_obj_t] = []
        var object = hwloc_get_next_obj_by_type(handle, type, nil)
        while let present = object {
            found.append(present)
            object = hwloc_get_next_obj_by_type(handle, type, present)
        }
        return found
    }

    func info(_ object: hwloc_obj_t, _ name: String) -> String? {
        hwloc_obj_get_info_by_name(object, name).map { String(cString: $0).trimmed }.flatMap { $0.isEmpty ? nil : $0 }
    }

    // MARK: - Memory

    /// No NUMA node of a real machine has more; what claims more is a fault in the description.
    static let largestNUMANode: UInt64 = 1 << 48

    private func numaNodes(allowed: CPUSet) -> [Inventory.NUMANode] {
        objects(HWLOC_OBJ_NUMANODE).map { object in
            let bytes = object.pointee.attr.pointee.numanode.local_memory
            let subtype = object.pointee.subtype.map { String(cString: $0) } ?? ""
            let tier: Inventory.MemoryTier =
                switch subtype {
                case "HBM", "MCDRAM": .hbm
                case "NVM": .nvm
                case "GPUMemory": .gpu
                case "SPM": .specialPurpose
                case _ where subtype.hasPrefix("CXL"): .cxl
                default: .dram
                }
            return Inventory.NUMANode(
                number: Int(object.pointee.os_index), cpus: CPUSet(object.pointee.cpuset).intersection(allowed),
                memoryBytes: bytes > 0 && bytes <= Self.largestNUMANode ? Int64(bytes) : nil, tier: tier,
                devicePCIAddress: info(object, "PCIBusID"))
        }.sorted { $0.number < $1.number }
    }

    // MARK: - Cores

    private func cpuKinds(allowed: CPUSet) -> [Inventory.CPUKind] {
        let count = hwloc_cpukinds_get_nr(handle, 0)
        guard count > 1, let set = hwloc_bitmap_alloc() else { return [] }
        defer { hwloc_bitmap_free(set) }
        return (0..<UInt32(count)).compactMap { index in
            var efficiency: Int32 = -1
            var infoCount: UInt32 = 0
            var infos: UnsafeMutablePointer<hwloc_info_s>?
            guard hwloc_cpukinds_get_info(handle, index, set, &efficiency, &infoCount, &infos, 0) == 0 else {
                return nil
            }
            let pairs = UnsafeBufferPointer(start: infos, count: Int(infoCount)).compactMap { info in
                info.name.flatMap { name in info.value.map { (String(cString: name), String(cString: $0)) } }
            }
            return Inventory.CPUKind(
                efficiency: Int(efficiency), attributes: Dictionary(pairs, uniquingKeysWith: { first, _ in first }),
                cpus: CPUSet(set).intersection(allowed))
        }
    }

    private func cores(
        packages: [Inventory.Package], host: [Inventory.NUMANode], kinds: [Inventory.CPUKind], _ allowed: CPUSet
    ) -> [Inventory.Core] {
        let objects = objects(HWLOC_OBJ_CORE).filter { !CPUSet($0.pointee.cpuset).isDisjoint(with: allowed) }
        // A machine that shows no cores has one for each PU.
        let shown = objects.isEmpty ? self.objects(HWLOC_OBJ_PU) : objects
        let memory = host.sorted {
            ($0.tier == .dram ? 0 : 1, $0.cpus.count, $0.number) < ($1.tier == .dram ? 0 : 1, $1.cpus.count, $1.number)
        }
        return shown.map { object in (object, CPUSet(object.pointee.cpuset).intersection(allowed)) }
            .filter { !$0.1.isEmpty }.enumerated().map { index, entry in
                let (object, cpus) = entry
                return Inventory.Core(
                    index: index, number: Int(object.pointee.os_index),
                    package: packages.first { cpus.isSubset(of: $0.cpus) }?.number,
                    numaNode: memory.first { cpus.isSubset(of: $0.cpus) }?.number,
                    kind: kinds.firstIndex { cpus.isSubset(of: $0.cpus) }, cpus: cpus)
            }
    }
}

extension CPUSet {
    /// A copy of hwloc's set; numbers beyond what a set holds, and the endless rest of an infinite one, are left out.
    init(_ bitmap: OpaquePointer?) {
        self.init()
        guard let bitmap else { return }
        var number = hwloc_bitmap_first(bitmap)
        while number >= 0, number <= Int32(Self.largestNumber) {
            insert(Int(number))
            number = hwloc_bitmap_next(bitmap, number)
        }
    }
}

extension String {
    var trimmed: String {
        var text = Substring(self)
        while text.last?.isWhitespace == true { text.removeLast() }
        while text.first?.isWhitespace == true { text.removeFirst() }
        return String(text)
    }
}
