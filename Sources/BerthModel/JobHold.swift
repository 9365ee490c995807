/// Why Berth holds a job back by itself, until somebody releases it.
public struct JobHold: Hashable, Sendable, Codable {
    public enum Cause: Hashable, Sendable, Codable {
        /// Tasks of its family failed one after the other.
        case failures(of: JobFamily)
        /// Attempts of one of its tasks came to nothing, one after the other, through no fault of its own.
        case losses(of: TaskID)
    }

    public var cause: Cause
    /// How many in a row.
    public var count: Int
    /// The last of them, and what is known of its end: `exit code 1`.
    public var last: AttemptID
    public var text: String

    public init(cause: Cause, count: Int, last: AttemptID, text: String) {
        self.cause = cause
        self.count = count
        self.last = last
        self.text = text
    }

    /// The family that fails; nil where the job is held for another cause.
    public var family: JobFamily? { if case .failures(let family) = cause { family } else { nil } }
}

extension JobHold: CustomStringConvertible {
    public var description: String {
        switch cause {
        case .failures(let family):
            "Held by Berth: \(count.counted("task")) of its family \(family) failed in a row, the last one \(last): "
                + text + "."
        case .losses(let task):
            "Held by Berth: \(count.counted("attempt")) of \(task) in a row came to nothing, the last one \(last): "
                + text + "."
        }
    }

    /// What lets it go.
    public var remedy: String {
        switch cause {
        case .failures: "berth release lets one task try; if it succeeds, the whole family goes on."
        case .losses: "See that the nodes are well (berth nodes), then berth release lets it go."
        }
    }
}

extension AttemptEnd {
    /// The end in some words, for people: `exit code 1`, `signal 11 (SIGSEGV)`, with what was said of it.
    public var summary: String {
        let what =
            switch cause {
            case .exit: "exit code \(exitCode ?? 0)"
            case .signal:
                signal.map { "signal \($0)" + (SignalName.name(of: $0).map { " (\($0))" } ?? "") } ?? "a signal"
            case .outOfMemory: "out of memory"
            case .timeLimit: "over its time limit"
            case .stopped: "stopped"
            case .launchFailed: "could not be started"
            case .refused: "refused by its node"
            case .nodeLost: "lost with its node"
            }
        guard var message, !message.isEmpty else { return what }
        if message.utf8.count > 300 { message = message.prefix(300) + "…" }
        while message.hasSuffix(".") { message.removeLast() }
        return "\(what): \(message)"
    }
}
