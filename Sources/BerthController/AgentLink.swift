import BerthModel
import BerthProtocol
import Synchronization

/// The controller's end of one agent's stream.
final class AgentLink: Sendable {
    let session: UInt64
    /// Whether the agent is told of what is about to be recorded.
    let hearsAnnouncements: Bool
    /// Ends when the controller wants the stream to end.
    let outgoing: AsyncStream<ControllerFrame>
    private let continuation: AsyncStream<ControllerFrame>.Continuation
    private let readers = Mutex<[UInt64: CheckedContinuation<LogPart, any Error>]>([:])

    init(session: UInt64, hearsAnnouncements: Bool) {
        self.session = session
        self.hearsAnnouncements = hearsAnnouncements
        (outgoing, continuation) = AsyncStream.makeStream()
    }

    func send(_ frame: ControllerFrame) { continuation.yield(frame) }

    /// Asks the agent for output and waits for its answer.
    func read(_ request: LogRequest) async throws -> LogPart {
        try await withCheckedThrowingContinuation { reader in
            readers.withLock { $0[request.request] = reader }
            if case .terminated = continuation.yield(.readLog(request)) {
                answer(request.request, .failure(NodeUnreachable()))
            }
        }
    }

    func take(_ part: LogPart) { answer(part.request, .success(part)) }

    private func answer(_ request: UInt64, _ result: Result<LogPart, any Error>) {
        readers.withLock { $0.removeValue(forKey: request) }?.resume(with: result)
    }

    /// Ends the stream; whoever waits for output is told.
    func finish() {
        continuation.finish()
        for reader in readers.withLock({ all in
            defer { all = [:] }
            return all
        }).values {
            reader.resume(throwing: NodeUnreachable())
        }
    }
}

/// The node's agent cannot be asked.
public struct NodeUnreachable: Error, CustomStringConvertible {
    public var description: String { "The node's agent is not connected." }
}
