import BerthAPI
public import BerthController
public import Hummingbird
public import Logging
import NIOCore

/// The controller's HTTP interface: JSON under `/api/v1`, on the local socket and, where wanted, on TCP.
public struct WebServer: Sendable {
    private let routes: JobRoutes
    private let fleet: FleetRoutes
    private let forecast: ForecastRoutes
    private let files: FileRoutes
    private let doorkeeper: Doorkeeper
    private let logger: Logger

    /// - Parameters:
    ///   - token: what callers over TCP must show; on the local socket the caller's user id is enough.
    ///   - databasePath: where the provenance questions go.
    public init(controller: Controller, defaultQueue: String, token: String, databasePath: String, logger: Logger) {
        routes = JobRoutes(controller: controller, defaultQueue: defaultQueue)
        fleet = FleetRoutes(controller: controller, databasePath: databasePath)
        forecast = ForecastRoutes(controller: controller, defaultQueue: defaultQueue)
        files = FileRoutes(store: controller.stagedFiles)
        doorkeeper = Doorkeeper(token: AccessToken(token))
        self.logger = logger
    }

    /// A server at one address; several may serve the same controller.
    ///
    /// - Parameter onRunning: called with the port once it listens; 0 on a socket.
    public func listening(at address: BindAddress, onRunning: @escaping @Sendable (Int) async -> Void = { _ in })
        -> some ApplicationProtocol
    {
        let router = Router(context: WebContext.self)
        router.addMiddleware {
            ProblemMiddleware()
            doorkeeper
        }
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/readyz") { _, _ in "ok\n" }
        let api = router.group("/api/v1")
        routes.add(to: api)
        fleet.add(to: api)
        forecast.add(to: api)
        files.add(to: api)
        return Application(
            router: router, configuration: ApplicationConfiguration(address: address, serverName: "berth"),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) }, logger: logger)
    }
}

/// What a request carries through its handling: the connection it came on, and who asks.
struct WebContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    var caller = Caller(name: "", isOperator: false)

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// A job is described in less; a submission of many jobs in more.
    var maxUploadSize: Int { 16 << 20 }
}
