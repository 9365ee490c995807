import ArgumentParser
import BerthAPI
import Foundation

struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Give a node no new work; with --stop, also send its jobs back to the queue.")

    @Argument(help: "The node.") var node: String
    @Option(help: "Why; berth nodes and berth why show it.") var reason = "drained by hand"
    @Flag(help: "Stop its jobs with their notice; they run again elsewhere.") var stop = false

    func run() async throws {
        let body = try JSONEncoder().encode(DrainRequest(reason: reason, stop: stop))
        let view: NodeView = try await Client().post("/nodes/\(Client.escaped(node))/drain", body)
        Terminal.note("\(view.name) is \(view.state.rawValue); \(view.holders.count) attempts run there.")
    }
}

struct Undrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "undrain", abstract: "Let a drained node work again.")

    @Argument(help: "The node.") var node: String

    func run() async throws {
        let view: NodeView = try await Client().post("/nodes/\(Client.escaped(node))/undrain")
        Terminal.note("\(view.name) is \(view.state.rawValue).")
    }
}
