import BerthKeeping
import BerthModel

/// Which slots a node has, whose jobs are in them, which have failed, and what became of the jobs that asked for one.
struct SlotTable {
    typealias Instant = ContinuousClock.Instant

    struct Entry {
        var slot: Slot
        var start: Instant
        var lastUse: Instant
        /// Attempts that started in it, or wait for it, with their PUs.
        var jobs: [AttemptID: CPUSet] = [:]
        /// Of a definition that the node no longer has, from an earlier agent.
        var isForeign = false
        /// nil for a fork server.
        var server: ServerState?

        var isIdle: Bool { jobs.isEmpty }

        init(_ slot: Slot, at now: Instant) {
            self.slot = slot
            (start, lastUse) = (now, now)
        }
    }

    /// A model server as its agent knows it.
    struct ServerState {
        enum Phase: Equatable {
            case starting
            /// It took so long to become so.
            case ready(seconds: Double)
            /// It ended by itself, and jobs still use its address.
            case down
        }

        enum ModelState: Equatable {
            case loading
            case loaded(seconds: Double)
            case failed(String)
        }

        var phase = Phase.starting
        var models: [ModelReference: ModelState] = [:]
        /// To start it again as it was; nil where an earlier agent started it.
        var demand: ServerDemand?
    }

    /// A slot that ended by itself is started again after so long, doubled for each time in a row, up to 64 times that.
    static let firstBackoff = Duration.seconds(2)

    struct Failure {
        var count: Int
        var until: Instant
        /// How it failed.
        var sentence: String
    }

    var entries: [String: Entry] = [:]
    private(set) var failures: [String: Failure] = [:]
    /// By which key an attempt has its slot.
    private var origins: [AttemptID: String] = [:]
    private var statuses: [String: PoolStatus] = [:]

    // MARK: - Jobs

    mutating func join(_ attempt: AttemptID, _ key: String, cpus: CPUSet = CPUSet(), at now: Instant) {
        entries[key]?.jobs[attempt] = cpus
        entries[key]?.lastUse = now
        origins[attempt] = key
    }

    /// - Returns: the key of the slot that it had.
    mutating func leave(_ attempt: AttemptID, at now: Instant) -> String? {
        guard let key = origins.removeValue(forKey: attempt) else { return nil }
        entries[key]?.jobs[attempt] = nil
        entries[key]?.lastUse = now
        return key
    }

    func key(of attempt: AttemptID) -> String? { origins[attempt] }

    // MARK: - Slots

    func entries(of pool: String) -> [(key: String, value: Entry)] {
        entries.filter { $0.value.slot.identity.pool == pool }.sorted { $0.key < $1.key }
    }

    /// Slots without jobs, those unused for the longest first.
    func idle(where isWanted: (Entry) -> Bool = { _ in true }) -> [String] {
        entries.filter { $0.value.isIdle && isWanted($0.value) }
            .sorted { ($0.value.lastUse, $0.key) < ($1.value.lastUse, $1.key) }.map(\.key)
    }

    /// Whether the entry's slot is still this one, and not a successor by its key.
    func holds(_ slot: Slot) -> Bool {
        guard let present = entries[slot.key]?.slot else { return false }
        return present.name == slot.name && present.handle.child == slot.handle.child
    }

    mutating func remove(_ key: String) -> Slot? { entries.removeValue(forKey: key)?.slot }

    // MARK: - Failures

    mutating func fail(_ key: String, _ sentence: String, at now: Instant) {
        let count = (failures[key]?.count ?? 0) + 1
        failures[key] = Failure(
            count: count, until: now + Self.firstBackoff * (1 << min(6, count - 1)), sentence: sentence)
    }

    mutating func succeed(_ key: String) { failures[key] = nil }

    /// Why a slot of this key is not started now; nil where it may be.
    func failure(_ key: String, at now: Instant) -> Failure? { failures[key].flatMap { $0.until > now ? $0 : nil } }

    // MARK: - Statuses

    mutating func count(_ use: PoolUse) {
        var status = statuses[use.pool] ?? PoolStatus(pool: use.pool)
        if let miss = use.miss {
            var counts = Dictionary(uniqueKeysWithValues: status.misses.map { ($0.reason, $0.count) })
            counts[miss, default: 0] += 1
            status.misses = counts.map { .init(reason: $0.key, count: $0.value) }
                .sorted { $0.reason.rawValue < $1.reason.rawValue }
        } else {
            status.hits += 1
            status.secondsSaved += use.secondsSaved ?? 0
        }
        statuses[use.pool] = status
    }

    mutating func uncount(hit use: PoolUse) {
        statuses[use.pool]?.hits -= 1
        statuses[use.pool]?.secondsSaved -= use.secondsSaved ?? 0
    }

    func status(of pool: String) -> PoolStatus {
        var status = statuses[pool] ?? PoolStatus(pool: pool)
        let slots = entries(of: pool).filter { $0.value.server?.phase != .down }
        status.busySlots = slots.count { !$0.value.isIdle }
        status.idleSlots = slots.count - status.busySlots
        return status
    }
}
