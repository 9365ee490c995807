import BerthAgent
import BerthDescription
import BerthProtocol
import GRPCCore
import GRPCNIOTransportHTTP2Posix

/// Where an agent finds its controller.
enum AgentConnection {
    case socket(String)
    case endpoint(BerthDescription.Endpoint)

    /// Reads `http://HOST:PORT`, `HOST:PORT` or `unix:PATH`.
    init(_ text: String) throws {
        if text.hasPrefix("unix:") {
            self = .socket(String(text.dropFirst(5)))
            return
        }
        if text.hasPrefix("https://") {
            throw Failure(2, "\(text): agents join without TLS in this version. Use http://HOST:PORT, or a tunnel.")
        }
        let rest = text.hasPrefix("http://") ? text.dropFirst(7) : text[...]
        guard let endpoint = BerthDescription.Endpoint(String(rest.hasSuffix("/") ? rest.dropLast() : rest)),
            endpoint.port > 0
        else {
            throw Failure(2, "\"\(text)\" is no controller's address; it is http://HOST:PORT or unix:PATH.")
        }
        self = .endpoint(endpoint)
    }

    /// Whether the controller is on this machine: then whoever is root there is root here.
    var isLocal: Bool {
        guard case .endpoint(let endpoint) = self else { return true }
        return endpoint.host == "localhost" || endpoint.host == "::1" || endpoint.host.hasPrefix("127.")
    }

    /// This machine's address on the way to the controller, which other nodes can use too; for a local controller, its
    /// own loopback address.
    var localAddress: String? {
        guard case .endpoint(let endpoint) = self else { return "127.0.0.1" }
        return LocalAddress.towards(endpoint.host, port: endpoint.port)
    }

    /// Holds one stream to the controller; the agent calls it again whenever it has ended.
    func connect(token: String) -> Agent.Connect {
        { outgoing, serve in
            var configuration = HTTP2ClientTransport.Posix.Config.defaults
            configuration.backoff = .init(
                initial: .milliseconds(50), max: .seconds(2), multiplier: 1.6, jitter: 0.2)
            configuration.connection.maxIdleTime = nil
            let transport =
                switch self {
                case .socket(let path):
                    try HTTP2ClientTransport.Posix(
                        target: .unixDomainSocket(path: path, authority: "berth"), transportSecurity: .plaintext,
                        config: configuration)
                case .endpoint(let endpoint):
                    try HTTP2ClientTransport.Posix(
                        target: .dns(host: endpoint.host, port: endpoint.port), transportSecurity: .plaintext,
                        config: configuration)
                }
            do {
                try await withGRPCClient(transport: transport) { client in
                    try await FleetClient(client).join(token: token, outgoing: outgoing, serve: serve)
                }
            } catch let error as RPCError where error.code == .unauthenticated {
                throw Failure(
                    4, "The controller refuses the agent's token. It is in the file token of its state directory.")
            }
        }
    }
}
