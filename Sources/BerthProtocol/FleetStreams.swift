public import GRPCCore

/// The controller's end: takes agents' streams in and hands each to `serve`.
public struct FleetService: RegistrableRPCService {
    /// Serves one agent's stream until it ends.
    ///
    /// - Parameters:
    ///   - token: what the agent shows for itself; empty if nothing.
    ///   - frames: what it says; a malformed frame ends the stream with an error.
    ///   - send: puts a frame on its stream.
    public typealias Serve =
        @Sendable (
            _ token: String, _ frames: AsyncThrowingStream<AgentFrame, any Error>,
            _ send: @escaping @Sendable (ControllerFrame) async throws -> Void
        ) async throws -> Void

    private let service: Service

    public init(serve: @escaping Serve) { service = Service(serve: serve) }

    public func registerMethods(with router: inout RPCRouter<some ServerTransport>) {
        service.registerMethods(with: &router)
    }

    private struct Service: Berth_V1_Fleet.StreamingServiceProtocol {
        let serve: Serve

        func join(request: StreamingServerRequest<Berth_V1_AgentFrame>, context: ServerContext) async throws
            -> StreamingServerResponse<Berth_V1_ControllerFrame>
        {
            let authorization = request.metadata[stringValues: "authorization"].first { _ in true } ?? ""
            let token = authorization.hasPrefix("Bearer ") ? String(authorization.dropFirst("Bearer ".count)) : ""
            return StreamingServerResponse { writer in
                try await withFrames(of: request.messages, as: AgentFrame.init) { frames in
                    try await serve(token, frames) { frame in try await writer.write(frame.wire()) }
                }
                return [:]
            }
        }
    }
}

/// An agent's end of its stream to the controller.
public struct FleetClient<Transport: ClientTransport>: Sendable {
    private let client: GRPCClient<Transport>

    public init(_ client: GRPCClient<Transport>) { self.client = client }

    /// Holds a stream to the controller until either side ends it.
    ///
    /// - Parameters:
    ///   - outgoing: what the agent says; the stream ends with it.
    ///   - serve: takes in what the controller says, until it returns.
    public func join(
        token: String, outgoing: AsyncStream<AgentFrame>,
        serve: @escaping @Sendable (AsyncThrowingStream<ControllerFrame, any Error>) async throws -> Void
    ) async throws {
        try await Berth_V1_Fleet.Client(wrapping: client).join(metadata: ["authorization": "Bearer \(token)"]) {
            writer in
            for await frame in outgoing { try await writer.write(frame.wire()) }
        } onResponse: { response in
            try await withFrames(of: response.messages, as: ControllerFrame.init, serve)
        }
    }
}

/// Runs `body` with `messages` translated frame by frame, and returns with it: whoever says no more does not wait for the
/// other to fall silent.
private func withFrames<Message: Sendable, Frame: Sendable>(
    of messages: RPCAsyncSequence<Message, any Error>, as frame: @escaping @Sendable (Message) throws -> Frame,
    _ body: @escaping @Sendable (AsyncThrowingStream<Frame, any Error>) async throws -> Void
) async throws {
    let (frames, continuation) = AsyncThrowingStream.makeStream(of: Frame.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            do {
                for try await message in messages { continuation.yield(try frame(message)) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        defer { group.cancelAll() }
        try await body(frames)
    }
}
