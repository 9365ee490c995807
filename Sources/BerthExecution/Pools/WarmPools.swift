package import BerthKeeping
package import BerthModel
import Foundation
import Glibc
import Synchronization

/// The warm slots of a node: which there are, whose they are, and what became of the jobs that asked for one.
///
/// A slot belongs to one user, and takes any number of his jobs; it stays while one of them runs. All calls that are not
/// `async` return within a few milliseconds: nothing waits for a server.
package final class WarmPools: Sendable {
    let definitions: [PoolDefinition]
    let registration: NodeRegistration
    let place: SlotPlace
    let client: ModelServerClient
    let table = Mutex(SlotTable())
    /// Held while a server is bound.
    let binding = Mutex(())

    /// - Parameters:
    ///   - parent: the directory for the slots' own, and by a path short enough for a socket's.
    ///   - keeper: the path of `berth-keeper`.
    ///   - client: speaks with model servers.
    package init(
        _ registration: NodeRegistration, parent: String, shortParent: String, logs: String, keeper: String,
        isolation: Isolation, client: ModelServerClient
    ) {
        self.registration = registration
        definitions = registration.pools ?? []
        place = SlotPlace(
            parent: parent, shortParent: shortParent, logs: logs, keeper: keeper, isolation: isolation,
            devices: registration.inventory.devices)
        self.client = client
        takeOver()
    }

    /// The names of the slots' control groups, which are not to be cleared away.
    package var groupNames: Set<String> { table.withLock { Set($0.entries.values.map(\.slot.name)) } }

    /// The files to which slots write.
    var logs: [OutputFile] {
        table.withLock { $0.entries.values.map(\.slot.log).sorted() }.map { OutputFile(path: $0) }
    }

    /// What there is to say of each pool, in the order of their definition.
    package var statuses: [PoolStatus] { table.withLock { table in definitions.map { table.status(of: $0.name) } } }

    func definition(_ name: String?) -> PoolDefinition? { definitions.first { $0.name == name } }

    // MARK: - Jobs of fork servers

    /// Where a job's process is to come from.
    ///
    /// - Returns: how it starts, with the slot's socket where that is warm; nil where the job names no pool of these.
    func start(_ order: AttemptOrder, for user: JobUser?, at now: ContinuousClock.Instant = .now)
        -> (use: PoolUse, socket: String?)?
    {
        guard let name = order.specification.pool, definition(name)?.server == nil else { return nil }
        let found: (use: PoolUse, socket: String?) = table.withLock { table in
            guard let definition = definition(name) else {
                return (PoolUse(pool: name, miss: .notOffered), nil)
            }
            let interpreter = definition.command.first ?? ""
            if let obstacle = WarmCommand.obstacle(to: order.specification, interpreter: interpreter) {
                return (PoolUse(pool: name, miss: obstacle), nil)
            }
            let key = definition.key(user: user?.name ?? "")
            dropEnded(key, &table, now)
            guard let slot = table.entries[key]?.slot else {
                return (PoolUse(pool: name, miss: open(definition, key, user, &table, now)), nil)
            }
            table.entries[key]?.lastUse = now
            guard let seconds = slot.importSeconds else { return (PoolUse(pool: name, miss: .starting), nil) }
            table.succeed(key)
            table.join(order.attempt.id, key, at: now)
            return (PoolUse(pool: name, secondsSaved: seconds), slot.socket)
        }
        table.withLock { $0.count(found.use) }
        return found
    }

    /// A slot that `start` gave did not start the attempt, which now runs without it.
    func slotFailed(_ attempt: AttemptID, _ use: PoolUse) {
        ended(attempt)
        table.withLock { table in
            table.uncount(hit: use)
            table.count(PoolUse(pool: use.pool, miss: .slotFailed))
        }
    }

    /// An attempt that an earlier agent has launched so.
    func adopt(_ attempt: AttemptID, _ launch: LaunchOrder) {
        let url = launch.environment.first { $0.hasPrefix("BERTH_SERVER_URL=") }?.dropFirst("BERTH_SERVER_URL=".count)
        guard launch.warmSocket != nil || url != nil else { return }
        table.withLock { table in
            let key = table.entries.first { _, entry in
                entry.slot.identity.url.map { $0 == url.map(String.init) } ?? (entry.slot.socket == launch.warmSocket)
            }?.key
            if let key { table.join(attempt, key, cpus: CPUSet(launch.cpus), at: .now) }
        }
    }

    func ended(_ attempt: AttemptID, at now: ContinuousClock.Instant = .now) {
        let key = table.withLock { $0.leave(attempt, at: now) }
        if let key, definitions.contains(where: { $0.server != nil }) {
            Thread.detachNewThread { [self] in bindServer(key) }
        }
    }

    // MARK: - Slots

    /// Starts a fork server's slot for the next job.
    ///
    /// - Returns: why this one starts cold.
    private func open(
        _ definition: PoolDefinition, _ key: String, _ user: JobUser?, _ table: inout SlotTable,
        _ now: ContinuousClock.Instant
    ) -> PoolUse.Miss {
        if table.failure(key, at: now) != nil { return .serverFailed }
        guard makePlace(in: definition, &table) else { return .poolFull }
        do {
            let slot = try Slot.forkServer(definition, key: key, for: user, in: place)
            table.entries[key] = SlotTable.Entry(slot, at: now)
            return .coldStart
        } catch {
            table.fail(key, "\(error)", at: now)
            return .serverFailed
        }
    }

    /// Has the slot that was idle for the longest give way where the pool has as many as it may.
    ///
    /// - Returns: whether there is a place for a further one.
    func makePlace(in definition: PoolDefinition, _ table: inout SlotTable) -> Bool {
        guard table.entries(of: definition.name).count >= definition.maximumSlots else { return true }
        guard let oldest = table.idle(where: { $0.slot.identity.pool == definition.name }).first else { return false }
        close(oldest, &table)
        return true
    }

    /// Notes that a slot ended by itself. What came out of a fork server has ended with it; jobs of a model server go on,
    /// and it is started again for them where they know it.
    func dropEnded(_ key: String, _ table: inout SlotTable, _ now: ContinuousClock.Instant) {
        guard let entry = table.entries[key], entry.server?.phase != .down, !entry.slot.handle.isAlive else { return }
        // A keeper takes its lock a moment after its start.
        guard (try? entry.slot.handle.record()) != nil || now - entry.start > .seconds(5) else { return }
        table.fail(key, entry.slot.ending, at: now)
        entry.slot.clearAway()
        guard entry.server?.demand != nil, !entry.isIdle else {
            table.entries[key] = nil
            return
        }
        table.entries[key]?.server?.phase = .down
    }

    func close(_ key: String, _ table: inout SlotTable) {
        guard let slot = table.remove(key) else { return }
        Thread.detachNewThread { slot.end() }
    }

    /// Starts what the minimum asks for, as far as it is known for whom, and stops what has been idle for too long. Called
    /// every few seconds.
    package func tend(at now: ContinuousClock.Instant = .now) {
        table.withLock { table in
            for key in table.entries.keys.sorted() { dropEnded(key, &table, now) }
            reopenServers(&table, now)
            for key in table.idle() {
                guard let entry = table.entries[key] else { continue }
                let pool = definition(entry.slot.identity.pool)
                let isNeeded = pool.map { table.entries(of: $0.name).count <= $0.minimumSlots } ?? false
                let patience = entry.isForeign ? .zero : pool?.idleTime ?? .zero
                if entry.isForeign || !isNeeded, now - entry.lastUse >= patience { close(key, &table) }
            }
            // A root agent does not know whose jobs will come, and nobody which devices they will have.
            guard getuid() != 0 else { return }
            for definition in definitions where definition.minimumSlots > 0 && definition.server == nil {
                let key = definition.key(user: "")
                if table.entries[key] == nil { _ = open(definition, key, nil, &table, now) }
            }
        }
    }

    /// What the slots may take in all, so far as their definitions bound it.
    private func memoryBytes(_ table: SlotTable) -> Int64 {
        table.entries.values.reduce(0) { $0 + (definition($1.slot.identity.pool)?.memoryBytes ?? 0) }
    }

    /// Gives up idle slots, those unused for the longest first, where they and what is given to jobs come to more than the
    /// node has.
    ///
    /// - Parameter given: bytes that jobs hold, those of the one that is about to start included.
    func makeRoom(beside given: Int64) { table.withLock { _ = makeRoom(for: given, &$0) } }

    /// - Returns: bytes that are still missing.
    func makeRoom(for given: Int64, _ table: inout SlotTable) -> Int64 {
        let capacity = registration.capacity.memoryBytes
        guard capacity > 0 else { return 0 }
        var excess = given + memoryBytes(table) - capacity
        for key in table.idle() where excess > 0 {
            excess -= definition(table.entries[key]?.slot.identity.pool)?.memoryBytes ?? 0
            close(key, &table)
        }
        return max(0, excess)
    }

    /// The agent goes: idle slots end. One from which a job runs stays, and the next agent finds it.
    package func leave() {
        let slots = table.withLock { table in table.idle().compactMap { table.remove($0) } }
        for slot in slots { slot.end() }
    }

    private func takeOver() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place.parent)) ?? []
        table.withLock { table in
            for name in names.sorted() where name.hasPrefix(Slot.prefix) {
                let slot = Slot(takingOver: name, in: place)
                guard slot.handle.isAlive else {
                    slot.clearAway()
                    continue
                }
                let isForeign = !definitions.contains {
                    $0.name == slot.identity.pool && $0.key(user: "") == slot.identity.content
                }
                var entry = SlotTable.Entry(slot, at: .now)
                entry.isForeign = isForeign
                if slot.identity.url != nil { entry.server = SlotTable.ServerState() }
                table.entries[slot.key] = entry
                if let terms = definition(slot.identity.pool)?.server { awaitReadiness(of: slot, terms, &table) }
            }
        }
    }
}
