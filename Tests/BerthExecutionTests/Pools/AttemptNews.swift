import BerthExecution
import BerthModel
import Synchronization

/// What an execution has told of its attempts.
final class AttemptNews: Sendable {
    private let told = Mutex<(launches: [AttemptID: Launch], ends: [AttemptID: AttemptEnd])>(([:], [:]))

    init(_ events: AsyncStream<ExecutionEvent>) {
        Task { [weak self] in
            for await event in events { self?.take(event) }
        }
    }

    private func take(_ event: ExecutionEvent) {
        told.withLock { told in
            switch event {
            case .launched(let id, let launch): told.launches[id] = launch
            case .ended(let id, let end): told.ends[id] = end
            }
        }
    }

    /// Waits until it runs; a test's time limit ends what never comes.
    func launch(of id: AttemptID) async throws -> Launch? {
        while true {
            let (launch, end) = told.withLock { ($0.launches[id], $0.ends[id]) }
            if launch != nil || end != nil { return launch }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    func end(of id: AttemptID) async throws -> AttemptEnd {
        while true {
            if let end = told.withLock({ $0.ends[id] }) { return end }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

/// Looks again and again whether something has become true; a test's time limit ends what never does.
func eventually(_ condition: () throws -> Bool) async throws {
    while try !condition() { try await Task.sleep(for: .milliseconds(5)) }
}
