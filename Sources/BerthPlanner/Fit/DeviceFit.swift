import BerthModel

/// Finds a node's devices for a request's GPUs and declared devices.
struct DeviceFit {
    let node: Node
    let free: FreeResources
    let wants: [Want]
    /// A GPU to take before others.
    private let preferred: String?

    /// One kind that is asked for.
    struct Want {
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

    init(node: Node, free: FreeResources, request: ResourceRequest, preferred: String? = nil) {
        self.node = node
        self.free = free
        self.preferred = preferred
        let gpus = request.gpus.map { Self.want($0, on: node) }
        wants = Self.hardestFirst((gpus.map { [$0] } ?? []) + request.devices.map { Self.want($0, on: node) })
    }

    /// Among wants of one kind, those that fewer devices suit come first, so that the others leave these to them.
    private static func hardestFirst(_ wants: [Want]) -> [Want] {
        let kinds = wants.map(\.kind)
        return wants.enumerated().sorted { left, right in
            let key = { (entry: (offset: Int, element: Want)) in
                (kinds.firstIndex(of: entry.element.kind) ?? 0, entry.element.suitable.count, entry.offset)
            }
            return key(left) < key(right)
        }.map(\.element)
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
            suitable = suitable.filter { Self.part(request.share, of: $0.memoryBytes ?? 0) >= bytes }
            if suitable.isEmpty, let most {
                mismatch = .init(attribute: "memory", asked: ByteCount.text(bytes), best: ByteCount.text(most))
            }
        }
        return Want(
            kind: "gpu", count: request.count, share: request.share, link: request.link, suitable: suitable,
            mismatch: mismatch, ruledBytes: 0)
    }

    /// So many thousandths of `bytes`, rounded down; all of it for a whole one.
    private static func part(_ thousandths: Int, of bytes: Int64) -> Int64 {
        let (thousandth, rest) = bytes.quotientAndRemainder(dividingBy: Int64(GPURequest.whole))
        return thousandth * Int64(thousandths) + rest * Int64(thousandths) / Int64(GPURequest.whole)
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
        // A request whose size is no possible one takes more than any node has.
        let ruled = suitable.compactMap(\.memoryRule).map { $0.bytes(for: request.attributes) ?? .max }.max() ?? 0
        return Want(
            kind: request.kind, count: request.count, share: GPURequest.whole, link: nil, suitable: suitable,
            mismatch: mismatch, ruledBytes: ruled)
    }

    /// Bytes of host memory that the devices' rules add.
    var ruledMemoryBytes: Int64 {
        wants.reduce(0) { sum, want in
            let (product, overflow) = want.ruledBytes.multipliedReportingOverflow(by: Int64(want.count))
            let (total, overflowed) = sum.addingReportingOverflow(product)
            return overflow || overflowed ? .max : total
        }
    }

    /// Kinds with too few devices, all of them. What one want takes is not there for the next of its kind.
    var shortfalls: [Shortfall] {
        var left = free.devices
        var earlier: [String: Int] = [:]
        return wants.compactMap { want in
            let total = want.suitable.reduce(0) { $0 + (node.capacity.devices[$1.name] ?? 0) / want.share }
            let available = want.suitable.reduce(0) { $0 + (left[$1.name] ?? 0) / want.share }
            let before = earlier[want.kind, default: 0]
            guard available >= want.count else {
                return .device(
                    kind: want.kind, asked: before + want.count, free: before + available, total: total,
                    unmet: want.mismatch)
            }
            guard let chosen = chosen(want, of: left, near: []) else {
                return .device(
                    kind: want.kind, asked: want.count, free: available, total: total,
                    unmet: .init(attribute: "link", asked: want.link?.rawValue ?? "", best: "none among the free ones"))
            }
            for (device, thousandths) in chosen { left[device.name, default: 0] -= thousandths }
            earlier[want.kind] = before + want.count
            return nil
        }
    }

    /// Devices for all wants, near ones first.
    ///
    /// - Returns: the shares and how many lie elsewhere; nil where `onlyThere` cannot be met.
    func choice(near numaNodes: [Int], onlyThere: Bool) -> (shares: [Allocation.DeviceShare], distant: Int)? {
        var left = free.devices
        var shares: [Allocation.DeviceShare] = []
        var distant = 0
        for want in wants {
            guard let devices = chosen(want, of: left, near: numaNodes) else { return nil }
            for (device, thousandths) in devices {
                left[device.name, default: 0] -= thousandths
                if !isNear(device, numaNodes) { distant += 1 }
                if let place = shares.firstIndex(where: { $0.name == device.name }) {
                    shares[place].thousandths += thousandths
                } else {
                    shares.append(.init(name: device.name, kind: device.kind, thousandths: thousandths))
                }
            }
        }
        return onlyThere && distant > 0 ? nil : (shares, distant)
    }

    private func chosen(_ want: Want, of left: [String: Int], near numaNodes: [Int]) -> [(Device, Int)]? {
        want.link == nil ? tightest(want, of: left, near: numaNodes) : linked(want, of: left, near: numaNodes)
    }

    private func isNear(_ device: Device, _ numaNodes: [Int]) -> Bool {
        device.numaNodes.isEmpty || device.numaNodes.contains { numaNodes.contains($0) }
    }

    /// The one that the packing prefers, then near devices, and among these the one with the least left.
    private func tightest(_ want: Want, of left: [String: Int], near numaNodes: [Int]) -> [(Device, Int)]? {
        let candidates = want.suitable.enumerated()
            .filter { (left[$0.element.name] ?? 0) >= want.share }
            .sorted { first, second in
                let key = { (entry: (offset: Int, element: Device)) in
                    (
                        entry.element.name == preferred ? 0 : 1, isNear(entry.element, numaNodes) ? 0 : 1,
                        left[entry.element.name] ?? 0, entry.offset
                    )
                }
                return key(first) < key(second)
            }
        var rest = want.count
        var chosen: [(Device, Int)] = []
        for (_, device) in candidates where rest > 0 {
            let instances = min(rest, (left[device.name] ?? 0) / want.share)
            chosen.append((device, instances * want.share))
            rest -= instances
        }
        return rest > 0 ? nil : chosen
    }

    /// A set in which each is joined to each: from every start, greedily.
    private func linked(_ want: Want, of left: [String: Int], near numaNodes: [Int]) -> [(Device, Int)]? {
        let joined = Set(
            node.inventory.links.filter { $0.kind == want.link }.flatMap {
                [$0.from + " " + $0.to, $0.to + " " + $0.from]
            })
        let candidates = want.suitable.filter { (left[$0.name] ?? 0) >= want.share }
        let sets = candidates.compactMap { start -> [Device]? in
            var chosen = [start]
            for device in candidates where chosen.count < want.count && device.name != start.name {
                if chosen.allSatisfy({ joined.contains($0.name + " " + device.name) }) { chosen.append(device) }
            }
            return chosen.count == want.count ? chosen : nil
        }
        let best = sets.enumerated().min { first, second in
            let distant = { (set: [Device]) in set.count { !isNear($0, numaNodes) } }
            return (distant(first.element), first.offset) < (distant(second.element), second.offset)
        }
        return best.map { $0.element.map { ($0, want.share) } }
    }
}
