import BerthModel

/// Finds a node's devices for a request's GPUs and declared devices.
struct DeviceFit {
    let node: Node
    let free: FreeResources
    private let wants: [Want]

    /// One kind that is asked for.
    private struct Want {
        var kind: String
        /// Instances, or GPUs.
        var count: Int
        /// Thousandths taken of each.
        var share: Int
        var link: Inventory.DeviceLink.Kind?
        /// Devices of the kind that meet the request, free or not.
        var suitable: [Device]
        /// Why none is suitable, if none is.
        var mismatch: Shortfall.DeviceMismatch?
        /// Bytes of host memory each instance takes.
        var ruledBytes: Int64
    }

    init(node: Node, free: FreeResources, request: ResourceRequest) {
        self.node = node
        self.free = free
        let gpus = request.gpus.map { Self.want($0, on: node) }
        wants = (gpus.map { [$0] } ?? []) + request.devices.map { Self.want($0, on: node) }
    }

    private static func want(_ request: GPURequest, on node: Node) -> Want {
        let all = node.inventory.devices.filter { $0.kind == "gpu" && node.capacity.devices[$0.name] != nil }
        var mismatch: Shortfall.DeviceMismatch?
        var suitable = all
        if !request.models.isEmpty {
            suitable = suitable.filter { device in
                request.models.contains { device.model?.lowercased().contains($0.lowercased()) == true }
            }
            if suitable.isEmpty, !all.isEmpty {
                let models = Set(all.map { $0.model ?? "of unknown model" }).sorted().joined(separator: ", ")
                mismatch = .init(attribute: "model", asked: request.models.joined(separator: "|"), best: models)
            }
        }
        if let bytes = request.memoryBytes {
            let most = suitable.compactMap(\.memoryBytes).max()
            suitable = suitable.filter {
                ($0.memoryBytes ?? 0) / Int64(GPURequest.whole) * Int64(request.share) >= bytes
            }
            if suitable.isEmpty, let most {
                mismatch = .init(attribute: "memory", asked: ByteCount.text(bytes), best: ByteCount.text(most))
            }
        }
        return Want(
            kind: "gpu", count: request.count, share: request.share, link: request.link, suitable: suitable,
            mismatch: mismatch, ruledBytes: 0)
    }

    private static func want(_ request: DeviceRequest, on node: Node) -> Want {
        let all = node.inventory.devices.filter { $0.kind == request.kind && node.capacity.devices[$0.name] != nil }
        let suitable = all.filter { request.unmetAttribute(on: $0) == nil }
        var mismatch: Shortfall.DeviceMismatch?
        if suitable.isEmpty, let name = all.compactMap({ request.unmetAttribute(on: $0) }).first {
            let limit = "max" + name.prefix(1).uppercased() + name.dropFirst()
            let offers = all.compactMap { $0.attributes[limit] ?? $0.attributes[name] }
            let numbers = offers.compactMap { if case .number(let number) = $0 { number } else { nil } }
            let best =
                numbers.max().map { "\(AttributeValue.number($0))" }
                ?? Set(offers.map(\.description)).sorted().joined(separator: ", ")
            mismatch = .init(
                attribute: name, asked: request.attributes[name]?.description ?? "", best: best.isEmpty ? "none" : best)
        }
        let ruled = suitable.compactMap { $0.memoryRule?.bytes(for: request.attributes) }.max() ?? 0
        return Want(
            kind: request.kind, count: request.count, share: GPURequest.whole, link: nil, suitable: suitable,
            mismatch: mismatch, ruledBytes: ruled)
    }

    /// Bytes of host memory that the devices' rules add.
    var ruledMemoryBytes: Int64 {
        wants.reduce(0) { sum, want in
            let (product, overflow) = want.ruledBytes.multipliedReportingOverflow(by: Int64(want.count))
            let (total, overflowed) = sum.addingReportingOverflow(product)
            return overflow || overflowed ? .max / 2 : total
        }
    }

    /// Kinds with too few devices, all of them.
    var shortfalls: [Shortfall] {
        wants.compactMap { want in
            let total = want.suitable.reduce(0) { $0 + (node.capacity.devices[$1.name] ?? 0) / want.share }
            let available = want.suitable.reduce(0) { $0 + (free.devices[$1.name] ?? 0) / want.share }
            guard available < want.count else {
                guard want.link != nil, linked(want, near: []) == nil else { return nil }
                return .device(
                    kind: want.kind, asked: want.count, free: available, total: total,
                    unmet: .init(attribute: "link", asked: want.link?.rawValue ?? "", best: "none among the free ones"))
            }
            return .device(kind: want.kind, asked: want.count, free: available, total: total, unmet: want.mismatch)
        }
    }

    /// Free devices of kinds that are not asked for.
    var unaskedCount: Int {
        let asked = Set(wants.map(\.kind))
        return node.inventory.devices.count { !asked.contains($0.kind) && (free.devices[$0.name] ?? 0) > 0 }
    }

    /// Devices for all wants, near ones first.
    ///
    /// - Returns: the shares and how many lie elsewhere; nil where `onlyThere` cannot be met.
    func choice(near numaNodes: [Int], onlyThere: Bool) -> (shares: [Allocation.DeviceShare], distant: Int)? {
        var shares: [Allocation.DeviceShare] = []
        var distant = 0
        for want in wants {
            guard let devices = want.link == nil ? tightest(want, near: numaNodes) : linked(want, near: numaNodes)
            else {
                return nil
            }
            for (device, thousandths) in devices {
                if !isNear(device, numaNodes) { distant += 1 }
                shares.append(.init(name: device.name, kind: device.kind, thousandths: thousandths))
            }
        }
        return onlyThere && distant > 0 ? nil : (shares, distant)
    }

    private func isNear(_ device: Device, _ numaNodes: [Int]) -> Bool {
        device.numaNodes.isEmpty || device.numaNodes.contains { numaNodes.contains($0) }
    }

    /// Near devices first, and among these the one with the least left.
    private func tightest(_ want: Want, near numaNodes: [Int]) -> [(Device, Int)]? {
        let candidates = want.suitable.enumerated()
            .filter { (free.devices[$0.element.name] ?? 0) >= want.share }
            .sorted { left, right in
                let key = { (entry: (offset: Int, element: Device)) in
                    (isNear(entry.element, numaNodes) ? 0 : 1, free.devices[entry.element.name] ?? 0, entry.offset)
                }
                return key(left) < key(right)
            }
        var rest = want.count
        var chosen: [(Device, Int)] = []
        for (_, device) in candidates where rest > 0 {
            let instances = min(rest, (free.devices[device.name] ?? 0) / want.share)
            chosen.append((device, instances * want.share))
            rest -= instances
        }
        return rest > 0 ? nil : chosen
    }

    /// A set in which each is joined to each: from every start, greedily.
    private func linked(_ want: Want, near numaNodes: [Int]) -> [(Device, Int)]? {
        let joined = Set(
            node.inventory.links.filter { $0.kind == want.link }.flatMap {
                [$0.from + " " + $0.to, $0.to + " " + $0.from]
            })
        let candidates = want.suitable.filter { (free.devices[$0.name] ?? 0) >= want.share }
        let sets = candidates.compactMap { start -> [Device]? in
            var chosen = [start]
            for device in candidates where chosen.count < want.count && device.name != start.name {
                if chosen.allSatisfy({ joined.contains($0.name + " " + device.name) }) { chosen.append(device) }
            }
            return chosen.count == want.count ? chosen : nil
        }
        let best = sets.enumerated().min { left, right in
            let distant = { (set: [Device]) in set.count { !isNear($0, numaNodes) } }
            return (distant(left.element), left.offset) < (distant(right.element), right.offset)
        }
        return best.map { $0.element.map { ($0, want.share) } }
    }
}
