import ArgumentParser
import BerthAPI
import BerthAgent
import BerthDescription
import BerthModel
import BerthTopology
import Foundation
import Logging
import ServiceLifecycle

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Run this node's agent until SIGTERM. Its jobs go on for its successor.")

    @Option(help: ArgumentHelp("Its configuration; config/agent.yaml explains each field.", valueName: "file"))
    var config: String?
    @Option(
        help: ArgumentHelp("The controller: http://HOST:PORT or unix:PATH (default: the local one).", valueName: "url"))
    var join: String?
    @Option(help: "The controller's token (default: $BERTH_TOKEN, $BERTH_TOKEN_FILE, then the local one).")
    var token: String?
    @Option(help: "The node's name (default: the configuration's, then the host's).")
    var name: String?
    @Option(help: ArgumentHelp("Pretend to be so many nodes; their jobs last their expected time.", valueName: "n"))
    var emulate: Int?
    @Option(
        help: ArgumentHelp(
            "What the emulated nodes are: a hwloc XML file, or a synthetic description.", valueName: "file"))
    var topology: String?
    @Flag(help: "On SIGTERM stop the jobs with their notice, and leave when they have ended.")
    var drain = false
    @Flag(help: "Let jobs that root has submitted run as root, where the agent is root.")
    var allowRoot = false
    @OptionGroup var state: StateOptions

    func run() async throws {
        var settings = try Self.settings(config)
        settings.name = name ?? settings.name
        let logger = try daemonLogger("berth.agent", level: settings.logLevel)
        let directory = StateDirectory(state.stateDirectory ?? settings.stateDirectory)
        try directory.make()
        let connection = try AgentConnection(join ?? settings.controller ?? "unix:" + directory.agentSocket)
        settings.address = settings.address ?? connection.localAddress
        let connect = connection.connect(token: try token(settings, directory))
        let services: [any Service]
        if emulate != nil || settings.isEmulated {
            services = try emulatedAgents(settings, connect, logger)
        } else {
            let mark = DaemonMark("agent", in: directory)
            guard mark.take() else { throw mark.alreadyRuns }
            let node = try LocalNode(settings, agentVersion: berthVersion)
            mark.add(node.registration.name.text)
            services = [
                try Agent(
                    node, stateDirectory: directory.path, keeper: StateDirectory.keeper(),
                    allowsRoot: allowRoot || settings.allowsRoot ?? connection.isLocal, stopsJobsOnLeaving: drain,
                    outputLimits: settings.outputLimits, modelServers: .http, warning: settings.warning?.watch,
                    connect: connect, logger: logger)
            ]
        }
        try await runUntilTold(services, logger: logger, drains: drain)
    }

    /// What a file says, or the defaults.
    static func settings(_ file: String?) throws -> AgentConfiguration {
        guard let file else { return AgentConfiguration() }
        return try readConfiguration(file) { try AgentConfiguration($0, file: file) }
    }

    private func token(_ settings: AgentConfiguration, _ directory: StateDirectory) throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let token = token ?? environment["BERTH_TOKEN"] { return token }
        let file = settings.tokenFile ?? environment["BERTH_TOKEN_FILE"] ?? directory.tokenFile
        guard let token = InputFile.token(in: file) else {
            throw Failure(
                2,
                "There is no token in \(file). Copy the controller's (the file token in its state directory), or use --token."
            )
        }
        return token
    }

    private func emulatedAgents(
        _ settings: AgentConfiguration, _ connect: @escaping Agent.Connect, _ logger: Logger
    ) throws -> [any Service] {
        let count = emulate ?? 1
        guard (1...10_000).contains(count) else {
            throw Failure(2, "--emulate is from 1 to 10000, and here stands \(count).")
        }
        let node = try LocalNode(
            settings, model: try model(topology ?? settings.topologyFile), agentVersion: berthVersion)
        let digits = String(count).count
        return (1...count).map { number in
            let text = String(number)
            let suffix = String(repeating: "0", count: digits - text.count) + text
            let name =
                count == 1 && emulate == nil ? node.registration.name : NodeName("\(node.registration.name)-\(suffix)")
            return Agent(emulating: node.renamed(name), connect: connect, logger: logger)
        }
    }

    private func model(_ description: String?) throws -> LocalNode.Model {
        guard let description else { return .thisMachine }
        if description.contains(":"), !FileManager.default.fileExists(atPath: description) {
            return .synthetic(description)
        }
        return .xml(try InputFile.bytes(of: description, upTo: Topology.largestExport))
    }
}
