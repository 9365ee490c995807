import Foundation

/// A controller that listens on TCP, and agents that join it: processes of their own, each agent with its own state, and
/// on a host of its own where there are hosts.
final class Fleet {
    let berth: Installation
    let controller: Command
    let token: String
    /// Where agents join.
    let door: String
    /// Where commands are given over HTTP.
    let address: String
    let hosts: NetworkHosts?
    private var agents: [Command] = []

    /// - Parameters:
    ///   - settings: further lines of the controller's configuration.
    ///   - names: hosts that agents of these names run on, and the controller on another; empty for this machine's own
    ///     network.
    init(settings: String = "", hosts names: String...) throws {
        berth = try Installation()
        hosts = names.isEmpty ? nil : try NetworkHosts(names, folder: berth.folder + "/said")
        door = hosts == nil ? "127.0.0.1:\(try freePort())" : NetworkHosts.hub + ":7301"
        let configuration = try berth.write(
            "listen: {http: '127.0.0.1:0', agents: '\(door)'}\n" + settings + "\n", to: "controller.yaml")
        controller = try Self.start(["controller", "--config", configuration], berth, hosts?.entry(to: nil))
        let (state, controller) = (berth.state, controller)
        func text(_ file: String) -> String {
            let text = (try? String(contentsOfFile: state + "/" + file, encoding: .utf8)) ?? ""
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        try eventually("the controller listens") {
            guard controller.isRunning else { throw TestProblem("\(try controller.ended())") }
            return !text("token").isEmpty && !text("http.address").isEmpty
        }
        (token, address) = (text("token"), text("http.address"))
    }

    /// Starts an agent that really runs jobs, and waits until its node is up.
    @discardableResult
    func agent(_ name: String, _ options: String...) throws -> Command {
        let arguments = [
            "agent", "--join", "http://\(door)", "--token", token, "--name", name, "--state-dir",
            "\(berth.folder)/\(name)",
        ]
        // Root at another host is somebody else.
        let rights = hosts == nil ? [] : ["--allow-root"]
        let agent = try Self.start(arguments + rights + options, berth, hosts?.entry(to: name))
        agents.append(agent)
        try eventually("\(name) is up") { try upNodes().contains(name) }
        return agent
    }

    private static func start(_ arguments: [String], _ berth: Installation, _ entry: [String]?) throws -> Command {
        guard let entry else { return try berth.start(arguments) }
        return try berth.start(program: entry[0], entry.dropFirst() + [berth.programs + "/berth"] + arguments)
    }

    /// Starts emulated nodes `em-1`, `em-2`, … of two packages with eight cores each.
    func emulate(_ count: Int) throws {
        agents.append(
            try berth.start(
                "agent", "--join", "http://\(door)", "--token", token, "--name", "em", "--emulate", "\(count)",
                "--topology",
                "package:2 [numa(memory=64GiB)] core:8 pu:2"))
        try eventually("\(count) nodes are up") { try upNodes().count == count }
    }

    private func upNodes() throws -> [String] {
        try berth.json("nodes").elements.filter { $0["state"].text == "up" }.compactMap { $0["name"].text }
    }

    func node(_ name: String) throws -> JSON {
        try berth.json("nodes").elements.first { $0["name"].text == name } ?? JSON(nil)
    }
}
