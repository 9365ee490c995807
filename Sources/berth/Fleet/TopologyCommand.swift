import ArgumentParser
import BerthAPI
import BerthModel
import BerthTopology
import Foundation

struct TopologyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology", abstract: "Draw nodes as trees, with who holds which cores and devices.",
        discussion: "With --file or --synthetic it draws a described machine, without a controller.")

    @Argument(help: "The node (default: all).") var node: String?
    @Option(help: ArgumentHelp("A machine's hwloc XML file.", valueName: "file.xml")) var file: String?
    @Option(
        help: ArgumentHelp(
            "A synthetic machine, \"package:2 [numa(memory=64GiB)] core:8 pu:2\".", valueName: "description"))
    var synthetic: String?
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        if let described = try described() {
            return try show([TopologyDrawing.Machine(name: described.name, inventory: described.inventory)])
        }
        let client = try Client()
        var names = [node].compactMap { $0 }
        if names.isEmpty {
            let nodes: [NodeView] = try await client.get("/nodes")
            names = nodes.map(\.name)
            if names.isEmpty {
                Terminal.note("No node has joined. Start an agent: berth up, or berth agent on another machine.")
            }
        }
        var machines: [TopologyDrawing.Machine] = []
        for name in names {
            let view: NodeTopologyView = try await client.get("/nodes/\(Client.escaped(name))")
            machines.append(TopologyDrawing.Machine(name: name, inventory: view.inventory, node: view.node))
        }
        try show(machines)
    }

    private func described() throws -> (name: String, inventory: Inventory)? {
        let bytes = try file.map { file throws(Failure) in
            try InputFile.bytes(of: file, upTo: Topology.largestExport)
        }
        do throws(TopologyError) {
            switch (file, bytes, synthetic) {
            case (let file?, let bytes?, nil):
                let name = file.split(separator: "/").last.map(String.init) ?? file
                return (name, try Topology(xml: bytes).inventory())
            case (nil, nil, let synthetic?): return (synthetic, try Topology(synthetic: synthetic).inventory())
            default: break
            }
        } catch {
            throw Failure(2, [file, error.description].compactMap { $0 }.joined(separator: ": "))
        }
        guard file == nil || synthetic == nil else { throw Failure(2, "--file and --synthetic do not go together.") }
        return nil
    }

    private func show(_ machines: [TopologyDrawing.Machine]) throws {
        if json {
            let views = machines.map { TopologyView(name: $0.name, $0.inventory) }
            return views.count == 1 ? try printJSON(views[0]) : try printJSON(views)
        }
        for (number, machine) in machines.enumerated() {
            if number > 0 { print("") }
            for line in TopologyDrawing(machine, width: Terminal.width, colours: Terminal.hasColours).lines {
                print(line)
            }
        }
    }
}
