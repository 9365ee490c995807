import BerthAPI
import BerthModel

/// A node as a tree: packages, NUMA nodes with a cell for each core and a line for each device, and who holds them.
struct TopologyDrawing {
    struct Machine {
        var name: String
        var inventory: Inventory
        /// nil for a machine that is only described.
        var node: NodeView?
    }

    private let machine: Machine
    private let width: Int
    private let hasColours: Bool
    private let holders: [Holder]

    /// An attempt with what stands for it in the drawing.
    private struct Holder {
        var view: NodeView.HolderView
        var cpus: CPUSet
        var letter: Character
        var colour: Int
    }

    private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    /// Of the terminal's 256: far apart, readable on black and white.
    private static let palette = [39, 208, 71, 170, 178, 38, 203, 105, 143, 75]

    init(_ machine: Machine, width: Int, colours: Bool) {
        self.machine = machine
        self.width = max(width, 40)
        hasColours = colours
        holders = (machine.node?.holders ?? []).enumerated().map { index, view in
            Holder(
                view: view, cpus: CPUSet(view.cpuset) ?? CPUSet(), letter: Self.letters[index % Self.letters.count],
                colour: Self.palette[index % Self.palette.count])
        }
    }

    var lines: [String] {
        var branches = packageBranches
        branches += remoteMemory
        branches += devices(near: nil)
        branches += networkInterfaces
        if let links { branches.append(Branch(links)) }
        return [title] + Self.draw(branches, indent: "") + legend
    }

    // MARK: - The tree

    private struct Branch {
        var text: [String]
        var children: [Branch]

        init(_ text: String..., children: [Branch] = []) {
            self.text = text
            self.children = children
        }
    }

    private static func draw(_ branches: [Branch], indent: String) -> [String] {
        branches.enumerated().flatMap { index, branch -> [String] in
            let isLast = index == branches.count - 1
            let rest = indent + (isLast ? "   " : "│  ")
            let head = branch.text.enumerated().map { line, text in
                line == 0
                    ? indent + (isLast ? "└─ " : "├─ ") + text : rest + (branch.children.isEmpty ? "" : "│ ") + text
            }
            return head + draw(branch.children, indent: rest)
        }
    }

    private var inventory: Inventory { machine.inventory }

    private var title: String {
        var parts = [bold(machine.name)]
        if let node = machine.node { parts.append(node.state.rawValue) }
        if let model = inventory.cpuModel { parts.append(model) }
        let threads = inventory.cpus.count == inventory.cores.count ? "" : ", \(inventory.cpus.count) threads"
        parts.append("\(inventory.cores.count) cores\(threads)")
        parts.append(inventory.memoryBytes.map(ByteCount.text) ?? "memory unknown")
        return parts.joined(separator: " · ")
    }

    private var packageBranches: [Branch] {
        let hostNodes = inventory.numaNodes.filter(\.isHostMemory)
        guard !inventory.packages.isEmpty, inventory.packages.count > 1 || hostNodes.count > 1 else {
            return numaBranches(of: inventory.cores)
        }
        let outside = inventory.cores.filter { core in !inventory.packages.contains { $0.number == core.package } }
        return inventory.packages.map { package in
            Branch(
                "package \(package.number)",
                children: numaBranches(of: inventory.cores.filter { $0.package == package.number }))
        } + (outside.isEmpty ? [] : numaBranches(of: outside))
    }

    private func numaBranches(of cores: [Inventory.Core]) -> [Branch] {
        let groups = Dictionary(grouping: cores) { $0.numaNode ?? -1 }.sorted { $0.key < $1.key }
        return groups.flatMap { number, cores -> [Branch] in
            let numaNode = inventory.numaNodes.first { $0.number == number }
            let tiers = inventory.numaNodes.filter { other in
                other.number != number && other.isHostMemory && other.cpus == numaNode?.cpus
                    && other.tier != numaNode?.tier
            }
            let cells = coreRows(cores)
            let label = "cores \(Self.range(cores.map(\.index)))  "
            let padding = String(repeating: " ", count: label.count)
            let coreLines = cells.enumerated().map { ($0.offset == 0 ? label : padding) + $0.element }
            var children = [Branch(coreLines[0])]
            children[0].text = coreLines
            children += tiers.map {
                Branch("\($0.tier.rawValue.uppercased()) \(ByteCount.text($0.memoryBytes ?? 0)) (NUMA \($0.number))")
            }
            children += devices(near: number)
            guard let numaNode else { return children }
            return [Branch(numaTitle(numaNode), children: children)]
        }
    }

    private func numaTitle(_ numaNode: Inventory.NUMANode) -> String {
        guard let bytes = numaNode.memoryBytes else { return "NUMA \(numaNode.number)" }
        let tier = numaNode.tier == .dram ? "" : " \(numaNode.tier.rawValue.uppercased())"
        guard machine.node != nil else { return "NUMA \(numaNode.number) · \(ByteCount.text(bytes))\(tier)" }
        let held = holders.map { ($0, $0.view.memory[numaNode.number] ?? 0) }.filter { $0.1 > 0 }
        let taken = held.reduce(0) { $0 + $1.1 }
        return "NUMA \(numaNode.number) · \(ByteCount.text(bytes))\(tier)  " + bar(held, of: bytes)
            + "  \(ByteCount.text(bytes - taken)) not given"
    }

    /// Twenty cells for a NUMA node's memory.
    private func bar(_ held: [(Holder, Int64)], of bytes: Int64) -> String {
        let length = 20
        var text = ""
        var (sum, cells) = (Int64(0), 0)
        for (holder, share) in held {
            sum += share
            let end = max(cells + 1, Int((Double(sum) / Double(max(bytes, 1)) * Double(length)).rounded()))
            text += paint(String(repeating: holder.letter, count: max(0, min(end, length) - cells)), holder.colour)
            cells = min(end, length)
        }
        return "▕" + text + dim(String(repeating: "·", count: length - cells)) + "▏"
    }

    /// A cell for each core, in groups of eight: its holder's letter, `·` for a free one, `-` for one that is reserved.
    private func coreRows(_ cores: [Inventory.Core]) -> [String] {
        let perRow = max(8, min(64, (width - 32) * 8 / 9 / 8 * 8))
        var rows: [String] = []
        for start in stride(from: 0, to: cores.count, by: perRow) {
            let row = cores[start..<min(start + perRow, cores.count)]
            rows.append(
                row.enumerated().map { ($0.offset > 0 && $0.offset % 8 == 0 ? " " : "") + cell($0.element) }.joined())
        }
        return rows
    }

    private func cell(_ core: Inventory.Core) -> String {
        if let holder = holders.first(where: { !$0.cpus.isDisjoint(with: core.cpus) }) {
            return paint(String(holder.letter), holder.colour)
        }
        if isReserved(core) { return dim("-") }
        guard let kind = core.kind, inventory.cpuKinds.count > 1 else { return dim("·") }
        return dim(kind == inventory.cpuKinds.count - 1 ? "●" : "·")
    }

    private func isReserved(_ core: Inventory.Core) -> Bool {
        guard let node = machine.node else { return false }
        return inventory.cores.suffix(inventory.cores.count - node.cores).contains(core)
    }

    // MARK: - Devices and what joins them

    /// Devices near one NUMA node, or those near none or several.
    private func devices(near numaNode: Int?) -> [Branch] {
        inventory.devices.filter {
            $0.numaNodes == [numaNode].compactMap(\.self) || (numaNode == nil && $0.numaNodes.count > 1)
        }
        .map { device in
            var parts = [device.model, device.memoryBytes.map(ByteCount.text)].compactMap { $0 }
            parts += device.attributes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            if let address = device.pciAddress { parts.append(address) }
            if case .unusable(let why) = device.health { parts.append("unusable: \(why)") }
            return Branch("\(holdersMark(of: device)) \(bold(device.name)) \(parts.joined(separator: ", "))")
        }
    }

    /// One cell for each instance: `a·`.
    private func holdersMark(of device: Device) -> String {
        var cells: [String] = []
        for holder in holders {
            guard let count = holder.view.devices[device.name], count > 0 else { continue }
            let mark = paint(String(holder.letter), holder.colour)
            cells += Array(repeating: mark, count: max(1, Int(count.rounded(.up))))
        }
        let free = min(device.count, 16) - cells.count
        return "▣ " + cells.joined() + dim(String(repeating: "·", count: max(0, free)))
    }

    private var remoteMemory: [Branch] {
        inventory.numaNodes.filter { !$0.isHostMemory }.map { numaNode in
            let owner = inventory.devices.first { $0.pciAddress == numaNode.devicePCIAddress && $0.pciAddress != nil }
            let what = numaNode.tier == .gpu ? "memory of \(owner?.name ?? "a GPU")" : "memory without cores"
            return Branch(
                dim(
                    "NUMA \(numaNode.number) · \(numaNode.memoryBytes.map(ByteCount.text) ?? "unknown"), \(what); not given to jobs"
                ))
        }
    }

    private var networkInterfaces: [Branch] {
        let names = inventory.networkInterfaces.map { network in
            network.name
                + (network.numaNodes.isEmpty
                    ? "" : " (NUMA \(network.numaNodes.map(String.init).joined(separator: ",")))")
        }
        guard !names.isEmpty else { return [] }
        let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", … \(names.count - 8) more" : "")
        return [Branch(dim("network \(shown)"))]
    }

    /// `NVLink between gpu0–gpu7, 150 GB/s`
    private var links: String? {
        guard let first = inventory.links.first else { return nil }
        let names = Set(inventory.links.flatMap { [$0.from, $0.to] }).sorted { ($0.count, $0) < ($1.count, $1) }
        let isComplete = inventory.links.count == names.count * (names.count - 1) / 2
        let speeds = Set(inventory.links.compactMap(\.megabytesPerSecond)).sorted()
        let speed =
            speeds.isEmpty
            ? ""
            : ", \(Set([speeds[0], speeds[speeds.count - 1]]).sorted().map { "\($0 / 1000)" }.joined(separator: "–")) GB/s"
        let kind = first.kind == .nvlink ? "NVLink" : "xGMI"
        return dim(
            "\(kind): " + (isComplete ? "each to each of " : "\(inventory.links.count) pairs among ")
                + "\(names[0])…\(names[names.count - 1])\(speed)")
    }

    // MARK: - The legend

    private var legend: [String] {
        var lines: [String] = []
        for holder in holders {
            let devices = holder.view.devices.keys.sorted().map { ", \($0)" }.joined()
            lines.append(
                "  \(paint(String(holder.letter), holder.colour))  \(holder.view.attempt)  CPUs \(holder.view.cpuset)\(devices)"
            )
        }
        var marks: [String] = []
        if machine.node != nil { marks.append("· free") }
        if inventory.cores.contains(where: isReserved) { marks.append("- kept for the system") }
        if inventory.cpuKinds.count > 1 { marks.append("● the fastest kind of core") }
        if !marks.isEmpty { lines.append("  " + dim(marks.joined(separator: "   "))) }
        return lines
    }

    /// `0–7` or `0–3,8–11`.
    private static func range(_ numbers: [Int]) -> String {
        CPUSet(numbers).description.replacing("-", with: "–")
    }

    private func paint(_ text: String, _ colour: Int) -> String {
        hasColours ? "\u{1B}[38;5;\(colour)m\(text)\u{1B}[0m" : text
    }
    private func dim(_ text: String) -> String { hasColours ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
    private func bold(_ text: String) -> String { hasColours ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
}
