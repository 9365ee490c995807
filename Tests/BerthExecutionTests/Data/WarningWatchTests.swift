import BerthExecution
import Synchronization
import Testing

struct WarningWatchTests {
    @Test func `it asks until there is a warning`() async throws {
        let asked = Mutex(0)
        let watch = WarningWatch(every: .milliseconds(1)) {
            asked.withLock { count in
                count += 1
                return count == 5
            }
        }
        try await watch.wait()
        #expect(asked.withLock { $0 } == 5)
    }

    @Test func `a file that appears is a warning`() async throws {
        let folder = try DataFolder()
        let file = try folder.write("", to: "preempted")
        try await WarningWatch(file: file).wait()
    }

    @Test func `it ends with whoever waits`() async {
        let waiting = Task { try await WarningWatch(file: "/nonexistent/preempted").wait() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}
