import BerthExecution
import BerthModel
import BerthProtocol
import Synchronization

/// The agent's questions for what tasks have saved on other nodes: they go to the controller, which passes them on, and
/// their answers come back on the same stream.
final class DataExchange: DataSource {
    private let state = Mutex(State())
    /// After so long without an answer there will be none.
    private static let patience = Duration.seconds(60)

    private struct State {
        var outgoing: AsyncStream<AgentFrame>.Continuation?
        var nextRequest: UInt64 = 1
        var asked: [UInt64: CheckedContinuation<DataPart, any Error>] = [:]
    }

    /// The stream that questions go out on from now on; nil where there is none. What was asked on the one before is not
    /// answered any more.
    func use(_ outgoing: AsyncStream<AgentFrame>.Continuation?) {
        let unanswered = state.withLock { state in
            state.outgoing = outgoing
            defer { state.asked = [:] }
            return state.asked
        }
        for asker in unanswered.values { asker.resume(throwing: NoAnswer()) }
    }

    func part(_ request: DataRequest, on node: NodeName) async throws -> DataPart {
        let number = state.withLock { state in
            defer { state.nextRequest += 1 }
            return state.nextRequest
        }
        let question = DataQuestion(request: number, node: node, subject: request)
        let alarm = Task {
            try await Task.sleep(for: Self.patience)
            answer(number, .failure(NoAnswer()))
        }
        defer { alarm.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { asker in
                let outgoing = state.withLock { state in
                    state.asked[number] = asker
                    return state.outgoing
                }
                guard let outgoing, !Task.isCancelled else { return answer(number, .failure(NoAnswer())) }
                if case .terminated = outgoing.yield(.readData(question)) {
                    answer(number, .failure(NoAnswer()))
                }
            }
        } onCancel: {
            answer(number, .failure(CancellationError()))
        }
    }

    func take(_ reply: DataAnswer) { answer(reply.request, .success(reply.part)) }

    private func answer(_ number: UInt64, _ result: Result<DataPart, any Error>) {
        state.withLock { $0.asked.removeValue(forKey: number) }?.resume(with: result)
    }

    private struct NoAnswer: Error, CustomStringConvertible {
        var description: String { "The controller could not be asked for the checkpoint." }
    }
}
