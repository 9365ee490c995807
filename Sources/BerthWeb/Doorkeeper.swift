import BerthAPI
import BerthController
import BerthModel
import BerthScheduling
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Finds out who asks: on the local socket the kernel tells the caller's user id (SO_PEERCRED, unix(7)); over TCP the
/// caller shows the token.
struct Doorkeeper: RouterMiddleware {
    let token: AccessToken

    @concurrent
    func handle(
        _ request: Request, context: WebContext, next: @concurrent (Request, WebContext) async throws -> Response
    ) async throws
        -> Response
    {
        var context = context
        if context.channel.localAddress?.protocol == .unix {
            let user = try await peerUser(context.channel)
            context.caller = Caller(name: Self.name(of: user), isOperator: user == 0 || user == getuid())
        } else if request.uri.path == "/healthz" || request.uri.path == "/readyz" {
            context.caller = Caller(name: "anybody", isOperator: false)
        } else {
            let shown = (request.headers[.authorization] ?? "").dropFirst("Bearer ".count)
            guard token.matches(shown) else {
                throw Problem(
                    kind: "unauthorized",
                    problem: "The request shows no valid token. Set BERTH_TOKEN or BERTH_TOKEN_FILE.")
            }
            context.caller = Caller(name: Self.name(of: getuid()), isOperator: true)
        }
        return try await next(request, context)
    }

    /// struct ucred, which needs _GNU_SOURCE to be seen.
    private struct PeerCredentials {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    private func peerUser(_ channel: any Channel) async throws -> UInt32 {
        guard let provider = channel as? any SocketOptionProvider else { return .max }
        let peerCredentials = NIOBSDSocket.Option(rawValue: 17)  // SO_PEERCRED, asm-generic/socket.h
        let credentials: PeerCredentials = try await provider.unsafeGetSocketOption(
            level: .socket, name: peerCredentials
        )
        .get()
        return credentials.user
    }

    static func name(of user: UInt32) -> String {
        guard let entry = getpwuid(user) else { return "\(user)" }
        return String(cString: entry.pointee.pw_name)
    }
}

/// Turns what was refused into an answer: a status, and JSON with the sentence.
struct ProblemMiddleware: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: WebContext, next: @concurrent (Request, WebContext) async throws -> Response
    ) async throws
        -> Response
    {
        do { return try await next(request, context) } catch {
            return try Response.json(Self.problem(error), status: Self.status(error))
        }
    }

    private static func problem(_ error: any Error) -> Problem {
        switch error {
        case let problem as Problem: problem
        case let refusal as Refusal: Problem(kind: refusal.kind.rawValue, problem: refusal.description)
        case let error as HTTPError:
            Problem(
                kind: error.status == .notFound ? "notFound" : "invalid",
                problem: error.body ?? error.status.reasonPhrase)
        case is DecodingError:
            Problem(kind: "invalid", problem: "The request's body is not the JSON that is wanted here: \(error)")
        default: Problem(kind: "unavailable", problem: "\(error)")
        }
    }

    private static func status(_ error: any Error) -> HTTPResponse.Status {
        switch problem(error).kind {
        case "invalid": .badRequest
        case "notFound": .notFound
        case "refused": .conflict
        case "unauthorized": .unauthorized
        default: .serviceUnavailable
        }
    }
}

extension Response {
    /// One JSON document, its keys sorted.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try CanonicalJSON.bytes(of: value))))
    }
}
