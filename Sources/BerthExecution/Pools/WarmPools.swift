package import BerthKeeping
package import BerthModel
import Foundation
import Glibc
import Synchronization

/// The warm slots of a node: which there are, whose they are, and what became of the jobs that asked for one.
///
/// A slot belongs to one user, and takes any number of his jobs; it stays while one of them runs. All calls return within
/// a few milliseconds: nothing waits for a server.
package final class WarmPools: Sendable {
    /// A server that ended by itself is started again after so long, doubled for each time in a row, up to 64 times that.
    private static let firstBackoff = Duration.seconds(2)

    private struct Slot {
        var warm: WarmSlot
        var lastUse: ContinuousClock.Instant
        var jobs: Set<AttemptID> = []
        /// Of a definition that the node no longer has, from an earlier agent.
        var isForeign = false
    }

    private struct Failure {
        var count: Int
        var until: ContinuousClock.Instant
    }

    private struct State {
        var slots: [String: Slot] = [:]
        var failures: [String: Failure] = [:]
        var statuses: [String: PoolStatus] = [:]
        /// Which slot a running attempt came from.
        var origins: [AttemptID: String] = [:]
    }

    private let definitions: [PoolDefinition]
    private let parent: String
    private let shortParent: String
    private let logs: String
    private let keeper: String
    private let isolation: Isolation
    private let state = Mutex(State())

    /// - Parameters:
    ///   - parent: the directory for the slots' own, and by a path short enough for a socket's.
    ///   - keeper: the path of `berth-keeper`.
    package init(
        _ definitions: [PoolDefinition], parent: String, shortParent: String, logs: String, keeper: String,
        isolation: Isolation
    ) {
        self.definitions = definitions
        (self.parent, self.shortParent, self.logs) = (parent, shortParent, logs)
        (self.keeper, self.isolation) = (keeper, isolation)
        takeOver()
    }

    /// The names of the slots' control groups, which are not to be cleared away.
    package var groupNames: Set<String> { state.withLock { Set($0.slots.keys.map { WarmSlot.prefix + $0 }) } }

    /// What there is to say of each pool, in the order of their definition.
    package var statuses: [PoolStatus] {
        state.withLock { state in
            definitions.map { definition in
                var status = state.statuses[definition.name] ?? PoolStatus(pool: definition.name)
                let slots = state.slots.values.filter { $0.warm.pool == definition.name }
                status.busySlots = slots.count { !$0.jobs.isEmpty }
                status.idleSlots = slots.count - status.busySlots
                return status
            }
        }
    }

    // MARK: - Jobs

    /// Where a job's process is to come from.
    ///
    /// - Returns: how it starts, with the slot's socket where that is warm; nil where the job names no pool.
    func start(_ order: AttemptOrder, for user: JobUser?, at now: ContinuousClock.Instant = .now)
        -> (use: PoolUse, socket: String?)?
    {
        guard let name = order.specification.pool else { return nil }
        let found: (use: PoolUse, socket: String?) = state.withLock { state in
            guard let definition = definitions.first(where: { $0.name == name }) else {
                return (PoolUse(pool: name, miss: .notOffered), nil)
            }
            let interpreter = definition.command.first ?? ""
            if let obstacle = WarmCommand.obstacle(to: order.specification, interpreter: interpreter) {
                return (PoolUse(pool: name, miss: obstacle), nil)
            }
            let key = definition.key(user: user?.name ?? "")
            dropEnded(key, &state, now)
            guard let slot = state.slots[key] else {
                return (PoolUse(pool: name, miss: open(definition, key, user, &state, now)), nil)
            }
            state.slots[key]?.lastUse = now
            guard let seconds = slot.warm.importSeconds else { return (PoolUse(pool: name, miss: .starting), nil) }
            state.failures[key] = nil
            state.slots[key]?.jobs.insert(order.attempt.id)
            state.origins[order.attempt.id] = key
            return (PoolUse(pool: name, secondsSaved: seconds), slot.warm.socket)
        }
        count(found.use)
        return found
    }

    /// A slot that `start` gave did not start the attempt, which now runs without it.
    func slotFailed(_ attempt: AttemptID, _ use: PoolUse) {
        ended(attempt)
        state.withLock { state in
            state.statuses[use.pool]?.hits -= 1
            state.statuses[use.pool]?.secondsSaved -= use.secondsSaved ?? 0
        }
        count(PoolUse(pool: use.pool, miss: .slotFailed))
    }

    /// An attempt of an earlier agent's runs, started by this socket.
    func adopt(_ attempt: AttemptID, from socket: String) {
        state.withLock { state in
            guard let key = state.slots.first(where: { $0.value.warm.socket == socket })?.key else { return }
            state.slots[key]?.jobs.insert(attempt)
            state.origins[attempt] = key
        }
    }

    func ended(_ attempt: AttemptID, at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            guard let key = state.origins.removeValue(forKey: attempt) else { return }
            state.slots[key]?.jobs.remove(attempt)
            state.slots[key]?.lastUse = now
        }
    }

    private func count(_ use: PoolUse) {
        state.withLock { state in
            var status = state.statuses[use.pool] ?? PoolStatus(pool: use.pool)
            if let miss = use.miss {
                var counts = Dictionary(uniqueKeysWithValues: status.misses.map { ($0.reason, $0.count) })
                counts[miss, default: 0] += 1
                status.misses = counts.map { .init(reason: $0.key, count: $0.value) }
                    .sorted { $0.reason.rawValue < $1.reason.rawValue }
            } else {
                status.hits += 1
                status.secondsSaved += use.secondsSaved ?? 0
            }
            state.statuses[use.pool] = status
        }
    }

    // MARK: - Slots

    /// Starts a slot for the next job.
    ///
    /// - Returns: why this one starts cold.
    private func open(
        _ definition: PoolDefinition, _ key: String, _ user: JobUser?, _ state: inout State,
        _ now: ContinuousClock.Instant
    ) -> PoolUse.Miss {
        if let failure = state.failures[key], failure.until > now { return .serverFailed }
        let others = state.slots.filter { $0.value.warm.pool == definition.name }
        if others.count >= definition.maximumSlots {
            let idle = others.filter { $0.value.jobs.isEmpty }
            guard let oldest = idle.min(by: { ($0.value.lastUse, $0.key) < ($1.value.lastUse, $1.key) }) else {
                return .poolFull
            }
            close(oldest.key, &state)
        }
        do {
            let warm = try WarmSlot(
                definition, key: key, user: user, parent: parent, shortParent: shortParent, keeper: keeper,
                isolation: isolation, worker: PackageResources.berth_worker_py,
                log: logs + "/pool-\(definition.name)-\(key).log")
            state.slots[key] = Slot(warm: warm, lastUse: now)
            return .coldStart
        } catch {
            fail(key, &state, now)
            return .serverFailed
        }
    }

    private func fail(_ key: String, _ state: inout State, _ now: ContinuousClock.Instant) {
        let count = (state.failures[key]?.count ?? 0) + 1
        state.failures[key] = Failure(count: count, until: now + Self.firstBackoff * (1 << min(6, count - 1)))
    }

    /// Forgets a server that ended by itself; its jobs have ended with it.
    private func dropEnded(_ key: String, _ state: inout State, _ now: ContinuousClock.Instant) {
        guard let slot = state.slots[key], !slot.warm.handle.isAlive else { return }
        // A keeper takes its lock a moment after its start.
        guard (try? slot.warm.handle.record()) != nil || now - slot.lastUse > .seconds(5) else { return }
        slot.warm.remove()
        state.slots[key] = nil
        fail(key, &state, now)
    }

    private func close(_ key: String, _ state: inout State) {
        guard let slot = state.slots.removeValue(forKey: key) else { return }
        Thread.detachNewThread {
            slot.warm.stop()
            slot.warm.remove()
        }
    }

    /// Starts what the minimum asks for, as far as it is known for whom, and stops what has been idle for too long. Called
    /// every few seconds.
    package func tend(at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            for key in state.slots.keys.sorted() { dropEnded(key, &state, now) }
            for (key, slot) in state.slots.sorted(by: { $0.key < $1.key }) where slot.jobs.isEmpty {
                let definition = definitions.first { $0.name == slot.warm.pool }
                let count = state.slots.values.count { $0.warm.pool == slot.warm.pool }
                guard !slot.isForeign, let definition, count <= definition.minimumSlots else {
                    let idle = slot.isForeign ? .zero : definition?.idleTime ?? .zero
                    if now - slot.lastUse >= idle { close(key, &state) }
                    continue
                }
            }
            // A root agent does not know whose jobs will come.
            guard getuid() != 0 else { return }
            for definition in definitions where definition.minimumSlots > 0 {
                let key = definition.key(user: "")
                if state.slots[key] == nil { _ = open(definition, key, nil, &state, now) }
            }
        }
    }

    /// What the slots may take in all, so far as their definitions bound it.
    private func memoryBytes(_ state: State) -> Int64 {
        state.slots.values.reduce(0) { sum, slot in
            sum + (definitions.first { $0.name == slot.warm.pool }?.memoryBytes ?? 0)
        }
    }

    /// Gives up idle slots where they and what is given to jobs come to more than the node has.
    ///
    /// - Parameters:
    ///   - given: bytes that jobs hold, those of the one that is about to start included.
    ///   - capacity: bytes that the node gives to jobs.
    func makeRoom(beside given: Int64, of capacity: Int64) {
        let excess = state.withLock { given + memoryBytes($0) - capacity }
        if excess > 0 { makeRoom(for: excess) }
    }

    /// Gives up idle slots, those unused for the longest first, until so much of their memory is free.
    private func makeRoom(for bytes: Int64) {
        state.withLock { state in
            var left = bytes
            let idle = state.slots.filter { $0.value.jobs.isEmpty }
                .sorted { ($0.value.lastUse, $0.key) < ($1.value.lastUse, $1.key) }
            for (key, slot) in idle where left > 0 {
                left -= definitions.first { $0.name == slot.warm.pool }?.memoryBytes ?? 0
                close(key, &state)
            }
        }
    }

    /// The agent goes: idle slots end. One from which a job runs stays, and the next agent finds it.
    package func leave() {
        state.withLock { state in
            for (key, slot) in state.slots where slot.jobs.isEmpty {
                slot.warm.stop()
                slot.warm.remove()
                state.slots[key] = nil
            }
        }
    }

    private func takeOver() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        state.withLock { state in
            for name in names.sorted() where name.hasPrefix(WarmSlot.prefix) {
                let key = String(name.dropFirst(WarmSlot.prefix.count))
                let log = try? KeeperHandle(directory: parent + "/" + name).order().standardOutput
                // `…/pool-NAME-KEY.log`
                let file = log.map { $0.split(separator: "/").last ?? "" } ?? ""
                let pool = String(file.dropFirst("pool-".count).dropLast(key.utf8.count + 5))
                guard let warm = WarmSlot(takingOver: key, pool: pool, parent: parent, shortParent: shortParent) else {
                    try? FileManager.default.removeItem(atPath: parent + "/" + name)
                    continue
                }
                let isForeign = !definitions.contains { $0.name == pool }
                state.slots[key] = Slot(warm: warm, lastUse: .now, isForeign: isForeign)
            }
        }
    }
}
