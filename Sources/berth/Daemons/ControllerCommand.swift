import ArgumentParser
import BerthDescription
import Foundation

struct ControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "controller", abstract: "Run a fleet's controller until SIGTERM. Jobs go on without it.")

    @Option(help: ArgumentHelp("Its configuration; config/controller.yaml explains each field.", valueName: "file"))
    var config: String?
    @OptionGroup var state: StateOptions

    func run() async throws {
        let settings = try Self.settings(config)
        let logger = try daemonLogger("berth.controller", level: settings.logLevel)
        let directory = state.directory
        try directory.make()
        let mark = DaemonMark("controller", in: directory)
        guard mark.take() else { throw mark.alreadyRuns }
        directory.removeSockets()
        let local = try LocalController(settings, in: directory, logger: logger)
        defer { directory.removeSockets() }
        try await runUntilTold(local.services, logger: logger)
    }

    /// What a file says, or the defaults; the file that `queuesFile` names lies relative to it.
    static func settings(_ file: String?) throws -> ControllerConfiguration {
        guard let file else { return ControllerConfiguration() }
        return try readConfiguration(file) { bytes in
            try ControllerConfiguration(bytes, file: file) { name in
                let path = URL(fileURLWithPath: name, relativeTo: URL(fileURLWithPath: file)).path
                return try readConfiguration(path) { $0 }
            }
        }
    }
}
