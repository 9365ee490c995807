import Glibc

/// Waits for word from outside that the node will soon be gone: clouds tell it a minute or two ahead, by a file that an
/// administrator's own script makes, or at a URL of the machine.
public struct WarningWatch: Sendable {
    private let interval: Duration
    private let poll: @Sendable () async -> Bool

    /// - Parameters:
    ///   - interval: between two questions.
    ///   - poll: whether there is a warning. It says no within the interval where it cannot find out: a server of
    ///     warnings that is away is no warning.
    public init(every interval: Duration, poll: @escaping @Sendable () async -> Bool) {
        self.interval = interval
        self.poll = poll
    }

    /// Warned by a file that appears; whatever is in it.
    public init(file: String) {
        self.init(every: .seconds(1)) { access(file, F_OK) == 0 }
    }

    /// Returns when the warning has come.
    ///
    /// - Throws: `CancellationError` where it is cancelled first.
    package func wait() async throws {
        while !(await poll()) { try await Task.sleep(for: interval) }
        try Task.checkCancellation()
    }
}
