import CLinux
import Foundation
import Glibc

/// The user whose files an attempt reads and writes. An agent that is root touches them with that user's rights only:
/// a path that a user names must not lead it to what the user may not see.
package struct FileOwner: Hashable, Sendable {
    package var user: UInt32
    package var group: UInt32
    package var furtherGroups: [UInt32]

    package init(user: UInt32, group: UInt32, furtherGroups: [UInt32] = []) {
        self.user = user
        self.group = group
        self.furtherGroups = furtherGroups
    }

    /// Runs `body` on a thread of its own with `owner`'s rights over files, and waits for it; without an owner, right
    /// here with the agent's own.
    ///
    /// - Throws: what `body` throws, or a sentence where the agent may not act for the owner.
    package static func run<Result: Sendable>(
        as owner: FileOwner?, _ body: @escaping @Sendable () throws -> Result
    ) throws -> Result {
        guard let owner else { return try body() }
        let outcome = LockedBox<Swift.Result<Result, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let result = Swift.Result {
                try owner.assume()
                return try body()
            }
            outcome.change { $0 = result }
            done.signal()
        }
        done.wait()
        guard let result = outcome.value else { throw ExecutionProblem("A thread ended without a result.") }
        return try result.get()
    }

    /// Gives the calling thread, for good, the owner's rights over files and no others.
    func assume() throws {
        guard user != getuid() || group != getgid() else { return }
        guard berth_act_as(user, group, furtherGroups, furtherGroups.count) == 0 else {
            throw ExecutionProblem("Files of user \(user) cannot be reached for it", errno)
        }
    }
}
