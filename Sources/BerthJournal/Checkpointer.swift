import GRDB
import Synchronization

/// Moves what stands in the write-ahead log into the database file, on a connection of its own beside the writer's. A
/// commit that found the log full would do so itself, and keep everybody waiting for as long as the disk takes.
///
/// Source: SQLite, "Write-Ahead Logging", sections 3.1 and 6; a passive checkpoint waits for nobody and stops nobody.
final class Checkpointer: Sendable {
    private let queue: DatabaseQueue
    private let progress = Mutex(Progress())

    private struct Progress {
        var appends = 0
        var isRunning = false
    }

    /// About a thousand pages of log.
    private static let appendsBetweenCheckpoints = 100
    /// Pages in the log at which a commit has to help after all; on a busy journal the log never ends by itself.
    static let pagesBeforeCommitsHelp = 3000

    init(path: String, configuration: Configuration) throws {
        queue = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Counts one append, and begins a checkpoint if it is time for one.
    func countAppend() {
        let isDue = progress.withLock { progress in
            progress.appends += 1
            guard progress.appends >= Self.appendsBetweenCheckpoints, !progress.isRunning else { return false }
            progress = Progress(appends: 0, isRunning: true)
            return true
        }
        guard isDue else { return }
        Task.detached {
            // One that fails is made up for by the next, or in the end by a commit.
            try? await self.queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(PASSIVE)") }
            self.progress.withLock { $0.isRunning = false }
        }
    }

    /// Returns when no checkpoint runs and none can begin.
    func close() throws { try queue.close() }
}
