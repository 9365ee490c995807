import Foundation

/// A controller that listens on TCP, and agents that join it: processes of their own, each agent with its own state.
final class Fleet {
    let berth: Installation
    let controller: Command
    let token: String
    /// Where agents join.
    let door: String
    /// Where commands are given over HTTP.
    let address: String
    private var agents: [Command] = []

    /// - Parameter settings: further lines of the controller's configuration.
    init(settings: String = "") throws {
        berth = try Installation()
        door = "127.0.0.1:\(try freePort())"
        let configuration = try berth.write(
            "listen: {http: '127.0.0.1:0', agents: '\(door)'}\n" + settings + "\n", to: "controller.yaml")
        controller = try berth.start("controller", "--config", configuration)
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
        let agent = try berth.start(arguments + options)
        agents.append(agent)
        try eventually("\(name) is up") { try upNodes().contains(name) }
        return agent
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
