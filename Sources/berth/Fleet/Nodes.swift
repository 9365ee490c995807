import ArgumentParser
import BerthAPI
import BerthModel

struct Nodes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "nodes", abstract: "List the nodes.")

    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let nodes: [NodeView] = try await Client().get("/nodes")
        if listing.json { return try printJSON(nodes) }
        var table = Table(["NAME", "STATE", "CORES", "FREE", "MEMORY", "FREE MEMORY", "DEVICES", "JOBS", "REASON"])
        for node in nodes {
            table.add(
                [
                    node.name, node.state.rawValue, "\(node.cores)", "\(node.freeCores)",
                    node.memoryBytes.map(ByteCount.text) ?? "unknown", node.freeMemoryBytes.map(ByteCount.text) ?? "-",
                    node.deviceSummary, "\(node.holders.count)", node.reason,
                ], colours: [1: node.state.colour])
        }
        try table.print(format: listing.format)
        for node in nodes where !node.drainEvidence.isEmpty {
            Terminal.note(
                "Berth drained \(node.name) by itself: berth show-node \(node.name) shows why; berth undrain \(node.name) "
                    + "brings it back.")
        }
        if nodes.isEmpty {
            Terminal.note("No node has joined. Start an agent: berth up, or berth agent on another machine.")
        }
    }
}

extension NodeView.State {
    var colour: Terminal.Colour? {
        switch self {
        case .up: .green
        case .draining, .drained: .yellow
        case .lost: .red
        }
    }
}

extension NodeView {
    /// Why it takes no work, and that something was found wrong with it.
    var reason: String {
        let found = faults.isEmpty ? nil : faults.count.counted("fault") + ", see show-node"
        return [drainReason, found].compactMap(\.self).joined(separator: "; ")
    }

    /// `8 gpu, 2 qsim`: instances by kind.
    var deviceSummary: String {
        let counts = Dictionary(devices.map { ($0.kind, $0.count) }, uniquingKeysWith: +)
        return counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
}

/// A node in one line: `box: 2 cores, 22.5 GiB, 2 qsim`.
struct NodeSummary {
    let text: String

    init(_ node: NodeView) {
        let memory = node.memoryBytes.map(ByteCount.text) ?? "memory unknown"
        let devices = node.deviceSummary.isEmpty ? "" : ", " + node.deviceSummary
        text = "\(node.name): \(node.cores) cores, \(memory)\(devices)"
    }
}
