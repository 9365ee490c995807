package import BerthKeeping
import CLinux
import Glibc
import Synchronization

/// The agent's end of the process from which its keepers are forked, `berth-keeper --nursery`. That one is started with
/// the first attempt, anew when it was killed, and ends with the agent; keepers outlive both.
package final class KeeperNursery: Sendable {
    private let program: String
    private let attempts: String
    private let log: String
    /// The connection to the process that there is; -1 before there is one.
    private let connection = Mutex<Int32>(-1)

    /// - Parameters:
    ///   - program: the path of `berth-keeper`.
    ///   - attempts: under which directory its attempts are: in lists of processes it stands beside the program.
    ///   - log: takes what the nursery and its keepers have to complain about.
    package init(program: String, attempts: String, log: String) {
        (self.program, self.attempts, self.log) = (program, attempts, log)
    }

    deinit { connection.withLock { if $0 >= 0 { close($0) } } }

    /// Has a keeper started for an order. `directory` must exist and be nobody else's.
    ///
    /// - Returns: a descriptor of the caller's. Each record of the keeper's comes as one message; it hangs up when the
    ///   keeper has ended, and also where none came to be.
    /// - Throws: if the order cannot be written or no keeper can be started.
    package func launch(_ order: LaunchOrder, in directory: String) throws -> Int32 {
        try KeeperHandle.write(order, in: directory)
        var ends: [Int32] = [-1, -1]
        guard berth_message_pair(&ends) == 0 else { throw ExecutionProblem("No keeper can be heard", errno) }
        defer { close(ends[1]) }
        do { try send(directory, with: ends[1]) } catch {
            close(ends[0])
            throw error
        }
        return ends[0]
    }

    private func send(_ directory: String, with output: Int32) throws {
        try connection.withLock { connection in
            let path = Array(directory.utf8)
            if connection >= 0, berth_send_descriptors(connection, path, path.count, [output], 1) == path.count {
                return
            }
            // There is none yet, or it was killed.
            if connection >= 0 { close(connection) }
            connection = -1
            connection = try start()
            guard berth_send_descriptors(connection, path, path.count, [output], 1) == path.count else {
                throw ExecutionProblem("\(program) takes no order", errno)
            }
        }
    }

    private func start() throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard berth_message_pair(&ends) == 0 else { throw ExecutionProblem("\(program) cannot be spoken to", errno) }
        let complaints = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer {
            close(ends[1])
            close(complaints)
        }
        var process: pid_t = 0
        let words = ["berth-keeper", "--nursery", attempts].map { (word: String) in strdup(word) }
        defer { for word in words { free(word) } }
        let code = berth_spawn(&process, program, nil, words + [nil], [nil], ends[1], ends[1], complaints)
        guard code == 0 else {
            close(ends[0])
            throw ExecutionProblem("\(program) cannot be run", code)
        }
        return ends[0]
    }
}
