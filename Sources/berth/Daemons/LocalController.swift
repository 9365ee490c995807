import BerthController
import BerthDescription
import BerthJournal
import BerthModel
import BerthWeb
import Foundation
import GRPCNIOTransportHTTP2Posix
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

/// A controller in a state directory, with its doors.
struct LocalController {
    let controller: Controller
    let token: String
    /// To be started in this order, and stopped in the opposite one.
    let services: [any Service]

    init(_ configuration: ControllerConfiguration, in directory: StateDirectory, logger: Logger) throws {
        token = try directory.token()
        let journal = try Journal(path: directory.database)
        controller = try Controller(
            journal: journal,
            secrets: SecretStore(directory: directory.path + "/secrets", patterns: configuration.secretPatterns),
            outputTails: OutputTailStore(directory: directory.path + "/tails"),
            stagedFiles: StagedFileStore(directory: directory.path + "/files"),
            configuration: configuration.cluster, timing: configuration.timing, now: { Timestamp.now }, logger: logger)
        var services: [any Service] = [
            controller,
            AgentServer(
                controller: controller, token: AccessToken(token),
                address: .unixDomainSocket(path: try directory.agentSocket)),
        ]
        if let agents = configuration.agents {
            services.append(
                AgentServer(
                    controller: controller, token: AccessToken(token),
                    address: agents.host.contains(":")
                        ? .ipv6(host: agents.host, port: agents.port) : .ipv4(host: agents.host, port: agents.port)))
        }
        var webLogger = logger
        webLogger.logLevel = max(logger.logLevel, .warning)
        let web = WebServer(
            controller: controller, defaultQueue: configuration.cluster.defaultQueue, token: token,
            databasePath: directory.database, logger: webLogger)
        services.append(web.listening(at: .unixDomainSocket(path: try directory.socket)))
        if let http = configuration.http {
            let (file, host) = (directory.addressFile, http.host.contains(":") ? "[\(http.host)]" : http.host)
            services.append(
                web.listening(at: .hostname(http.host, port: http.port)) { port in
                    let line = Data("http://\(host):\(port)\n".utf8)
                    try? line.write(to: URL(fileURLWithPath: file), options: .atomic)
                })
        }
        self.services = services
    }
}

/// Runs daemons until SIGTERM or SIGINT; what does not end within two seconds of that is cut short, unless it may wait
/// for jobs to end (`drains`).
func runUntilTold(_ services: [any Service], logger: Logger, drains: Bool = false) async throws {
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .error)
    var configuration = ServiceGroupConfiguration(
        services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
    if !drains { configuration.maximumGracefulShutdownDuration = .seconds(2) }
    try await ServiceGroup(configuration: configuration).run()
}

/// A daemon's log on standard error.
func daemonLogger(_ name: String, level: String) throws -> Logger {
    guard let level = Logger.Level(rawValue: level) else {
        let known = Logger.Level.allCases.map(\.rawValue)
        throw Failure(
            2, "logLevel is \"\(level)\"; it is one of \(known.joined(separator: ", ")).")
    }
    var logger = Logger(label: name) { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    return logger
}

/// Reads a configuration file; its mistakes are the user's.
func readConfiguration<Value>(_ file: String, _ read: ([UInt8]) throws -> Value) throws -> Value {
    let bytes = try InputFile.bytes(of: file, upTo: Document.largestSize)
    do { return try read(bytes) } catch let error as DescriptionError { throw Failure(2, error.description) }
}
