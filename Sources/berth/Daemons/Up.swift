import ArgumentParser
import BerthAPI
import BerthAgent
import BerthController
import BerthDescription
import BerthModel
import CLinux
import Foundation
import ServiceLifecycle

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Start a controller and an agent on this machine, ready for work in under a second.")

    @Flag(help: "Return when it is ready; it goes on in the background.") var detach = false
    @Option(help: ArgumentHelp("The controller's configuration.", valueName: "file")) var controllerConfig: String?
    @Option(help: ArgumentHelp("The agent's configuration: labels, reserve, declared devices.", valueName: "file"))
    var agentConfig: String?
    @OptionGroup var state: StateOptions

    func run() async throws {
        let directory = state.directory
        try directory.make()
        if detach { try await startDetached(directory) } else { try await serve(directory) }
    }

    // MARK: - In the foreground

    private func serve(_ directory: StateDirectory) async throws {
        var settings = try ControllerCommand.settings(controllerConfig)
        settings.http = settings.http ?? Endpoint(host: "127.0.0.1", port: 0)
        var nodeSettings = try AgentCommand.settings(agentConfig)
        nodeSettings.address = nodeSettings.address ?? "127.0.0.1"
        guard nodeSettings.topologyFile == nil, !nodeSettings.isEmulated else {
            throw Failure(
                2, "berth up runs jobs on this machine; an emulated node is berth agent --config \(agentConfig ?? "").")
        }
        let marks = ["controller", "agent"].map { DaemonMark($0, in: directory) }
        for mark in marks where !mark.take() { throw mark.alreadyRuns }
        directory.removeSockets()
        defer { directory.removeSockets() }
        let node = try LocalNode(nodeSettings, agentVersion: berthVersion)
        marks[1].add(node.registration.name.text)
        let logger = try daemonLogger("berth", level: settings.logLevel)
        let local = try LocalController(settings, in: directory, logger: logger)
        let agent = try Agent(
            node, stateDirectory: directory.path, keeper: StateDirectory.keeper(),
            // Whoever starts it as root alone can submit over its socket.
            allowsRoot: nodeSettings.allowsRoot ?? true, outputLimits: nodeSettings.outputLimits,
            modelServers: .http, warning: nodeSettings.warning?.watch,
            connect: local.controller.directLink, logger: logger)
        await local.controller.takeBack(node.registration.name)
        try await runUntilTold(local.services + [agent], logger: logger)
    }

    // MARK: - In the background

    private func startDetached(_ directory: StateDirectory) async throws {
        for name in ["controller", "agent"] {
            let mark = DaemonMark(name, in: directory)
            if mark.holder != nil { throw mark.alreadyRuns }
        }
        let log = directory.path + "/berth.log"
        var arguments = ["berth", "up", "--state-dir", directory.path]
        if let controllerConfig { arguments += ["--controller-config", absolute(controllerConfig)] }
        if let agentConfig { arguments += ["--agent-config", absolute(agentConfig)] }
        let process = try spawn(arguments, log: log)
        let client = try Client(directory)
        while true {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { throw Failure(1, lastWords(log)) }
            if let nodes: [NodeView] = try? await client.get("/nodes", timeout: .seconds(5)),
                let node = nodes.first(where: { $0.state != .lost && !$0.emulated })
            {
                Terminal.note("Berth is up: \(NodeSummary(node).text).")
                Terminal.note("State: \(directory.path)   Log: \(log)")
                if state.stateDirectory != nil, directory.path != StateDirectory(nil).path {
                    Terminal.note("Other commands find it with: export BERTH_STATE_DIR=\(directory.path)")
                }
                return
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }

    /// The same program in a session of its own, its output in `log`.
    private func spawn(_ arguments: [String], log: String) throws -> pid_t {
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { for descriptor in [null, output] { close(descriptor) } }
        guard output >= 0 else {
            throw Failure(1, "The log \(log) cannot be written: \(String(cString: strerror(errno))).")
        }
        lseek(output, 0, SEEK_END)
        let words = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = berth_spawn(&process, "/proc/self/exe", nil, words + [nil], environ, null, output, output)
        guard code == 0 else { throw Failure(1, "Berth cannot be started: \(String(cString: strerror(code))).") }
        return process
    }

    /// What the daemon said before it ended.
    private func lastWords(_ log: String) -> String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        let last = text.split(separator: "\n").last { $0.hasPrefix("berth: ") }
        return last.map { String($0.dropFirst(7)) } ?? "Berth ended before it was ready. Its log is \(log)."
    }
}
