import BerthModel
import Foundation
import Glibc
import Synchronization

/// Model servers: each belongs to one user and to the devices of the jobs that it was started for. It computes on the PUs of
/// the jobs that use it at the time; idle, it holds its devices only until they are given to a job that is not its own.
extension WarmPools {
    private typealias ServerState = SlotTable.ServerState

    // MARK: - Before a job starts

    /// Whether there is something to do before an attempt starts that takes time.
    func mustPrepare(_ order: AttemptOrder) -> Bool {
        definition(order.specification.pool)?.server != nil || !idleHolders(of: order).isEmpty
    }

    /// Idle servers that hold devices of an attempt that does not want them.
    private func idleHolders(of order: AttemptOrder, except wanted: String? = nil) -> [String] {
        let devices = order.allocation(on: registration.name).devices.map(\.name)
        guard !devices.isEmpty else { return [] }
        return table.withLock { table in
            table.idle { $0.slot.key != wanted && !Set($0.slot.identity.devices).isDisjoint(with: devices) }
        }
    }

    /// Has idle servers of others give up the attempt's devices, and returns when they are free. Where the attempt names a
    /// pool of model servers, gets it a server and has its model loaded.
    ///
    /// - Parameters:
    ///   - numaNodes: those of the attempt's cores.
    ///   - given: bytes that jobs hold, asked again as long as there is no room.
    /// - Returns: nil where the attempt wants no model server.
    /// - Throws: a sentence where it cannot be served, or `CancellationError`.
    func prepare(_ order: AttemptOrder, for user: JobUser?, numaNodes: [Int], given: @Sendable () -> Int64) async throws
        -> ServedAttempt?
    {
        let demand = try demand(of: order, for: user, numaNodes: numaNodes)
        let slots = idleHolders(of: order, except: demand?.key).compactMap { key in
            table.withLock { $0.entries[key]?.isIdle == true ? $0.remove(key) : nil }
        }
        for slot in slots {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    slot.end()
                    continuation.resume()
                }
            }
        }
        guard let demand else { return nil }
        return try await serve(demand, given: given)
    }

    private func demand(of order: AttemptOrder, for user: JobUser?, numaNodes: [Int]) throws -> ServerDemand? {
        guard let pool = definition(order.specification.pool), let terms = pool.server else { return nil }
        let allocation = order.allocation(on: registration.name)
        let names = allocation.devices.map(\.name).sorted()
        let devices = registration.inventory.devices.filter { names.contains($0.name) }
        guard !DeviceHooks.isNeeded(allocation, on: registration.inventory.devices) else {
            throw ExecutionProblem(
                "A model server of the pool \(pool.name) outlives the job, and cannot hold devices that have hooks (\(names.joined(separator: ", "))). Leave them out."
            )
        }
        let near = Set(devices.flatMap(\.numaNodes)).sorted()
        let environment = AttemptEnvironment(
            order: order, registration: registration, checkpointDirectory: "", socketPath: "")
        return ServerDemand(
            attempt: order.attempt.id, pool: pool, terms: terms, model: order.specification.model, user: user,
            cpus: allocation.cpus, numaNodes: near.isEmpty ? numaNodes : near, devices: names,
            deviceVariables: environment.deviceVariables)
    }

    func serve(_ demand: ServerDemand, given: @Sendable () -> Int64) async throws -> ServedAttempt {
        let began = ContinuousClock.now
        var miss: PoolUse.Miss?
        do {
            let (slot, startSeconds) = try await readySlot(demand, given: given, &miss)
            let loadSeconds = try await haveModel(demand, in: slot, &miss)
            let use =
                miss == nil
                ? PoolUse(pool: demand.pool.name, secondsSaved: startSeconds + loadSeconds)
                : PoolUse(pool: demand.pool.name, miss: miss, secondsWaited: seconds(since: began))
            table.withLock { $0.count(use) }
            var variables = ["BERTH_SERVER_URL": slot.identity.url ?? ""]
            variables["BERTH_MODEL"] = demand.model?.name
            variables["BERTH_MODEL_VERSION"] = demand.model?.version
            return ServedAttempt(use: use, variables: variables)
        } catch {
            ended(demand.attempt)
            if let miss, !(error is CancellationError) {
                table.withLock { $0.count(PoolUse(pool: demand.pool.name, miss: miss)) }
            }
            throw error
        }
    }

    // MARK: - A server that is ready

    private enum Step {
        case ready(Slot, seconds: Double)
        case wait(PoolUse.Miss, String)
        case failed(String)
    }

    private func readySlot(_ demand: ServerDemand, given: @Sendable () -> Int64, _ miss: inout PoolUse.Miss?)
        async throws
        -> (Slot, seconds: Double)
    {
        let deadline = ContinuousClock.now + demand.terms.readyTime
        while true {
            try Task.checkCancellation()
            let bytes = given()
            switch table.withLock({ approach(demand, given: bytes, before: deadline, &$0, .now) }) {
            case .ready(let slot, let seconds):
                Thread.detachNewThread { [self] in bindServer(demand.key) }
                return (slot, seconds)
            case .failed(let sentence): throw problem(demand, sentence)
            case .wait(let reason, let sentence):
                miss = miss ?? reason
                guard ContinuousClock.now < deadline else {
                    throw problem(
                        demand, "was not to be had within \(demand.terms.readyTime.text): \(sentence)", fault: .neither)
                }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func problem(_ demand: ServerDemand, _ sentence: String, fault: AttemptEnd.Fault? = nil) -> ExecutionProblem {
        ExecutionProblem("The model server of pool \(demand.pool.name) \(sentence).", fault: fault)
    }

    /// Comes one step nearer to a server that is ready.
    private func approach(
        _ demand: ServerDemand, given: Int64, before deadline: SlotTable.Instant, _ table: inout SlotTable,
        _ now: SlotTable.Instant
    ) -> Step {
        let key = demand.key
        let hadSlot = table.key(of: demand.attempt) == key
        dropEnded(key, &table, now)
        switch table.entries[key]?.server?.phase {
        case .ready(let seconds):
            guard let slot = table.entries[key]?.slot else { break }
            table.succeed(key)
            table.join(demand.attempt, key, cpus: demand.cpus, at: now)
            return .ready(slot, seconds: seconds)
        case .starting:
            table.join(demand.attempt, key, cpus: demand.cpus, at: now)
            return .wait(.starting, "it is still starting")
        case .down, nil: break
        }
        if let failure = table.failure(key, at: now) {
            if hadSlot { return .failed(failure.sentence) }
            guard failure.until < deadline else {
                let wait = (failure.until - now).text
                return .failed(
                    "\(failure.sentence), \(failure.count.counted("time")) in a row; in \(wait) it is tried again")
            }
            return .wait(.serverFailed, failure.sentence)
        }
        if table.entries[key] == nil {
            guard makePlace(in: demand.pool, &table) else {
                return .wait(.poolFull, "jobs use all \(demand.pool.maximumSlots) of the pool's slots")
            }
            let missing = makeRoom(for: given + demand.memoryBytes, &table)
            guard missing == 0 || demand.memoryBytes == 0 else {
                let (needed, node) = (demand.memoryBytes, registration.capacity.memoryBytes)
                return .wait(
                    .noRoom,
                    "it takes \(ByteCount.text(needed)), and of the node's \(ByteCount.text(node)) jobs hold \(ByteCount.text(given))"
                )
            }
        }
        open(demand, &table, now)
        table.join(demand.attempt, key, cpus: demand.cpus, at: now)
        return table.failure(key, at: now).map { .failed($0.sentence) } ?? .wait(.coldStart, "it is still starting")
    }

    /// Starts a server, or the same once more for the jobs that know its address.
    private func open(_ demand: ServerDemand, _ table: inout SlotTable, _ now: SlotTable.Instant) {
        let earlier = table.entries[demand.key]
        do {
            let slot = try Slot.modelServer(demand, after: earlier?.slot, in: place)
            var entry = SlotTable.Entry(slot, at: now)
            entry.jobs = earlier?.jobs ?? [:]
            entry.server = ServerState(models: earlier?.server?.models ?? [:], demand: demand)
            table.entries[demand.key] = entry
            awaitReadiness(of: slot, demand.terms, &table)
        } catch {
            table.fail(demand.key, "cannot be started: \(error)", at: now)
        }
    }

    /// Starts servers again that ended by themselves and whose jobs go on.
    func reopenServers(_ table: inout SlotTable, _ now: SlotTable.Instant) {
        for key in table.entries.keys.sorted() where table.entries[key]?.server?.phase == .down {
            if table.entries[key]?.isIdle == true {
                table.entries[key] = nil
            } else if table.failure(key, at: now) == nil, let demand = table.entries[key]?.server?.demand {
                open(demand, &table, now)
            }
        }
    }
}
