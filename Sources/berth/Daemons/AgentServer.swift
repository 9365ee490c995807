import BerthController
import BerthProtocol
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import ServiceLifecycle

/// The agents' door: gRPC at one address.
struct AgentServer: Service {
    let controller: Controller
    /// What an agent must show.
    let token: AccessToken
    let address: SocketAddress

    func run() async throws {
        let (controller, token) = (controller, token)
        let fleet = FleetService { shown, frames, send in
            guard token.matches(shown) else {
                throw RPCError(code: .unauthenticated, message: "The agent shows no valid token.")
            }
            try await controller.serve(frames, send: send)
        }
        let server = GRPCServer(
            transport: HTTP2ServerTransport.Posix(address: address, transportSecurity: .plaintext), services: [fleet])
        try await withGracefulShutdownHandler {
            try await server.serve()
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
            Task { await controller.dismissAgents() }
        }
    }
}
