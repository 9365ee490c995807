package import BerthModel
import Synchronization

/// Attempts that only pretend: they last as long as their jobs are expected to (a second where they do not say), and
/// succeed. They end with their agent.
package final class EmulatedExecution: Execution {
    private let node: NodeName
    private let events: AsyncStream<ExecutionEvent>.Continuation
    private let running = Mutex<[AttemptID: Task<Void, Never>]>([:])

    package init(node: NodeName, events: AsyncStream<ExecutionEvent>.Continuation) {
        self.node = node
        self.events = events
    }

    package func takeOver() -> [AttemptStatus] { [] }

    package func prepare(_ order: AttemptOrder) {}
    package func withdraw(_ attempt: AttemptID) -> Bool { true }
    package func giveUpPrepared(except waiting: (AttemptID) -> Bool) {}

    package func start(_ order: AttemptOrder) {
        let id = order.attempt.id
        let allocation = order.allocation(on: node)
        let binding = Binding(
            cpus: allocation.cpus, numaNodes: allocation.memory.map(\.numaNode),
            devices: allocation.devices.map(\.name),
            notes: ["The node is emulated; nothing was run."])
        events.yield(.launched(id, Launch(startTime: .now, bound: binding)))
        let length = order.specification.expectedTime ?? .seconds(1)
        let limit = order.specification.timeLimit ?? length
        let task = Task { [events] in
            do { try await Task.sleep(for: min(length, limit)) } catch { return }
            let end =
                limit < length
                ? AttemptEnd(cause: .timeLimit, signal: 15, endTime: .now)
                : AttemptEnd(cause: .exit, exitCode: 0, endTime: .now, usage: Usage())
            events.yield(.ended(id, end))
        }
        running.withLock { $0[id] = task }
    }

    package func stop(_ attempt: AttemptID, reason: StopReason, grace: Duration) {
        running.withLock { $0.removeValue(forKey: attempt) }?.cancel()
        events.yield(.ended(attempt, AttemptEnd(cause: .stopped, signal: 15, endTime: .now, usage: Usage())))
    }

    package func newReports(of attempt: AttemptID) -> [Report] { [] }
    package func tidyOutput(within limits: OutputLimits, removesOld: Bool) -> [String] { [] }
    package var poolStatuses: [PoolStatus] { [] }
    package func leave() {}
    package func forget(_ attempt: AttemptID) { running.withLock { $0[attempt] = nil } }
    package func owner(of user: String) throws -> FileOwner? { nil }
    package func mayWrite(_ attempt: AttemptID) -> Bool { false }
    package func outputFile(of attempt: AttemptID, isStandardError: Bool) -> String { "/dev/null" }
}
