package import BerthKeeping
import CLinux
import Glibc
import Synchronization

/// The agent's keepers: those that wait for an attempt since they have kept one already, and the process from which others are
/// forked, `berth-keeper --nursery`. That one is started with the first attempt, anew when it was killed, and ends with the
/// agent, as do keepers that wait; those at work outlive both.
package final class KeeperNursery: Sendable {
    private let program: String
    private let attempts: String
    private let log: String
    private let state = Mutex(State())

    private struct State {
        /// The connection to the process that there is; -1 before there is one.
        var connection: Int32 = -1
        /// What keepers at work were told last, by the descriptor at which they are heard.
        var orders: [Int32: Groups] = [:]
        /// Keepers that wait, who has waited longest first.
        var free: [Free] = []
    }

    private struct Free {
        var keeper: Int32
        var groups: Groups
        var since: ContinuousClock.Instant
    }

    /// The groups of a keeper's attempts, those of the first one, and as they are limited now.
    private struct Groups {
        var group: ControlGroup
        var limits: ControlGroup.Limits
    }

    /// So many wait at the most, and none for much longer than this.
    private static let mostFree = 64
    private static let longestWait = Duration.seconds(5)

    /// - Parameters:
    ///   - program: the path of `berth-keeper`.
    ///   - attempts: under which directory its attempts are: in lists of processes it stands beside the program.
    ///   - log: takes what the nursery and its keepers have to complain about.
    package init(program: String, attempts: String, log: String) {
        (self.program, self.attempts, self.log) = (program, attempts, log)
    }

    deinit {
        state.withLock { state in
            for keeper in state.free.map(\.keeper) + (state.connection >= 0 ? [state.connection] : []) { close(keeper) }
        }
    }

    /// Has a keeper keep an order. `directory` must exist and be nobody else's.
    ///
    /// - Parameter order: a keeper that has kept another attempt may keep this one in the groups of its first.
    /// - Returns: a descriptor, to be given back to `end`. Each record of the keeper's comes as one message; it hangs up when
    ///   the keeper has ended, and also where none came to be.
    /// - Throws: if the order cannot be written or no keeper can be started.
    package func launch(_ order: LaunchOrder, in directory: String) throws -> Int32 {
        while let free = takeFree(for: order.limits) {
            var order = order
            order.group = free.groups.group
            do { try KeeperHandle.write(order, in: directory) } catch {
                close(free.keeper)  // It hears that, and removes its groups.
                throw error
            }
            guard KeeperHandle.give(directory, to: free.keeper) else {
                bury(free)
                continue
            }
            note(order, of: free.keeper)
            return free.keeper
        }
        try KeeperHandle.write(order, in: directory)
        var ends: [Int32] = [-1, -1]
        guard berth_message_pair(&ends) == 0 else { throw ExecutionProblem("No keeper can be heard", errno) }
        defer { close(ends[1]) }
        do { try send(directory, with: ends[1]) } catch {
            close(ends[0])
            throw error
        }
        note(order, of: ends[0])
        return ends[0]
    }

    private func note(_ order: LaunchOrder, of keeper: Int32) {
        state.withLock { $0.orders[keeper] = Groups(group: order.group, limits: order.limits) }
    }

    /// A keeper with groups that are limited so already, or else the one whose attempt has ended last.
    private func takeFree(for limits: ControlGroup.Limits) -> Free? {
        state.withLock { state in
            if let place = state.free.lastIndex(where: { $0.groups.limits == limits }) {
                return state.free.remove(at: place)
            }
            return state.free.popLast()
        }
    }

    /// Takes back what `launch` has returned, once the attempt is over.
    ///
    /// - Parameter isFree: whether the keeper has said that it waits for another attempt.
    package func end(_ keeper: Int32, isFree: Bool = false) {
        let isKept = state.withLock { state in
            guard let groups = state.orders.removeValue(forKey: keeper), isFree, state.free.count < Self.mostFree else {
                return false
            }
            state.free.append(Free(keeper: keeper, groups: groups, since: .now))
            return true
        }
        if !isKept { close(keeper) }
    }

    /// Lets those go that have waited long.
    package func tend() { letGo(takeFree(from: .now - Self.longestWait)) }

    /// Lets all go that wait.
    package func leave() { letGo(takeFree(from: .now)) }

    private func takeFree(from time: ContinuousClock.Instant) -> [Free] {
        state.withLock { state in
            let gone = state.free.prefix { $0.since <= time }
            state.free.removeFirst(gone.count)
            return Array(gone)
        }
    }

    /// Returns when they have gone, and their groups with them; or, where one does not, after a second.
    private func letGo(_ gone: [Free]) {
        for free in gone { shutdown(free.keeper, Int32(SHUT_WR)) }
        let deadline = ContinuousClock.now + .seconds(1)
        for free in gone {
            var polled = pollfd(fd: free.keeper, events: Int16(POLLIN), revents: 0)
            poll(&polled, 1, Int32(max(0, (deadline - .now) / .milliseconds(1))))
            bury(free)
        }
    }

    /// Removes what a keeper has left that was killed.
    private func bury(_ free: Free) {
        close(free.keeper)
        free.groups.group.clear(patience: 100)
    }

    private func send(_ directory: String, with output: Int32) throws {
        try state.withLock { state in
            let path = Array(directory.utf8)
            let connection = state.connection
            if connection >= 0, berth_send_descriptors(connection, path, path.count, [output], 1) == path.count {
                return
            }
            // There is none yet, or it was killed.
            if connection >= 0 { close(connection) }
            state.connection = -1
            state.connection = try start()
            guard berth_send_descriptors(state.connection, path, path.count, [output], 1) == path.count else {
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
