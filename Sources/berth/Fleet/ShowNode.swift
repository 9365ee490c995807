import ArgumentParser
import BerthAPI
import BerthModel

struct ShowNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show-node", abstract: "Show a node: its hardware, what runs on it, and its software.")

    @Argument(help: "The node.") var node: String
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let view: NodeTopologyView = try await Client().get("/nodes/\(Client.escaped(node))")
        let node = view.node
        if json { return try printJSON(node) }
        var lines = Sheet()
        lines.add("Node", node.name + (node.emulated ? "  (emulated)" : ""))
        lines.add("State", node.state.rawValue + (node.drainReason.map { " (\($0))" } ?? ""), node.state.colour)
        for trouble in node.drainEvidence {
            lines.add(
                "Evidence",
                "\(trouble.time)  \(trouble.attempt)  \(trouble.kind), of \(trouble.family): \(trouble.text)", .yellow)
        }
        if !node.drainEvidence.isEmpty {
            lines.add("Remedy", "Berth drained it by itself; when it is well again: berth undrain \(node.name)")
        }
        for fault in node.faults {
            lines.add("Fault", "\(fault.time)  \(fault.attempt)  \(fault.kind): \(fault.text)", .red)
        }
        lines.add(
            "Labels",
            node.labels.isEmpty
                ? nil : node.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
        lines.add("Processor", [node.cpuModel, node.architecture].compactMap { $0 }.joined(separator: ", "))
        lines.add(
            "Cores",
            "\(node.freeCores) of \(node.cores) free  (\(node.packages) packages, \(node.numaNodes) NUMA nodes, \(node.pus) PUs)"
        )
        lines.add(
            "Memory",
            node.memoryBytes.map {
                "\(ByteCount.text(node.freeMemoryBytes ?? 0)) of \(ByteCount.text($0)) free  (counted by \(node.memorySource))"
            } ?? "unknown")
        for device in node.devices { lines.add("Device", device.summary) }
        lines.add(
            "System",
            [node.stack.operatingSystem, node.stack.kernelRelease.map { "kernel \($0)" }].compactMap { $0 }.joined(
                separator: ", "))
        lines.add(
            "Drivers",
            node.stack.drivers.isEmpty
                ? nil
                : node.stack.drivers.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        lines.add("Isolation", node.isolation)
        lines.add("Agent", node.agentVersion + (node.stack.hwlocVersion.map { ", hwloc \($0)" } ?? ""))
        lines.add("Topology", "sha256:" + node.topologyDigest.prefix(16) + "…")
        for holder in node.holders {
            lines.add(
                "Runs",
                holder.attempt + "  CPUs \(holder.cpuset)" + holder.devices.keys.sorted().map { ", \($0)" }.joined())
        }
        lines.print()
    }
}

extension NodeView.DeviceView {
    /// `gpu0  NVIDIA H100, 80 GiB, near NUMA 0, 0000:3b:00.0, free`
    var summary: String {
        var parts = [model ?? kind]
        if let memoryBytes { parts.append(ByteCount.text(memoryBytes)) }
        parts += attributes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        if !numaNodes.isEmpty { parts.append("near NUMA \(numaNodes.map(String.init).joined(separator: ","))") }
        if let pciAddress { parts.append(pciAddress) }
        parts += files
        parts.append(health == "healthy" ? "\(AttributeValue.number(free)) of \(count) free" : health)
        return "\(name)  " + parts.joined(separator: ", ")
    }
}
