/// Where users' warm slots are believed to be, by what is recorded of jobs that named a pool: no node is asked, so that a
/// plan follows from the history alone. State is bounded.
public struct WarmSlots: Hashable, Sendable, Codable {
    /// Nodes of a user's slots of one pool, and users' pools, that are remembered: the ones used last.
    public static let keptNodes = 64
    public static let keptPools = 1024

    /// A slot on a node.
    public struct Place: Hashable, Sendable, Codable {
        /// Until when it is believed to stay. One that is in use stays.
        public var until: Timestamp
        /// What a job does not wait for that starts there.
        public var seconds: Double
    }

    /// By pool and user.
    private var places: [String: [NodeName: Place]] = [:]

    public init() {}

    /// What was seen last of a user's slots of a pool that are still there.
    public func places(of pool: String, user: String, at now: Timestamp) -> [NodeName: Place] {
        (places[Self.key(pool, user)] ?? [:]).filter { $0.value.until > now }
    }

    /// A job was started: out of a slot, or beside one that was begun for the next, or not.
    mutating func started(_ use: PoolUse, of user: String, on node: NodeName, at time: Timestamp) {
        let key = Self.key(use.pool, user)
        switch use.miss {
        case nil, .coldStart, .starting, .modelNotLoaded:
            let known = places[key]?[node]?.seconds ?? places[key]?.values.map(\.seconds).max()
            let seconds = use.secondsSaved ?? known ?? use.secondsWaited ?? 0
            var all = places[key] ?? [:]
            all[node] = Place(until: Timestamp(microseconds: .max), seconds: seconds)
            if all.count > Self.keptNodes, let oldest = Self.oldest(all, except: node) { all[oldest] = nil }
            places[key] = all
            if places.count > Self.keptPools { forgetOldest(except: key) }
        case .serverFailed, .slotFailed, .noRoom, .notOffered, .poolFull: forget(key, node)
        case .notPython, .needsOwnStart: break
        }
    }

    /// A job has ended that came out of a slot, or may have: unless another comes, the slot stays for so long.
    mutating func ended(_ pool: String, of user: String, on node: NodeName, idleTime: Duration, at time: Timestamp) {
        places[Self.key(pool, user)]?[node]?.until = time + idleTime
    }

    mutating func lost(_ node: NodeName) {
        for (key, all) in places where all[node] != nil { forget(key, node) }
    }

    private mutating func forget(_ key: String, _ node: NodeName) {
        places[key]?[node] = nil
        if places[key]?.isEmpty == true { places[key] = nil }
    }

    private mutating func forgetOldest(except key: String) {
        let oldest = places.filter { $0.key != key }.min {
            (Self.latest($0.value), $0.key) < (Self.latest($1.value), $1.key)
        }
        if let oldest { places[oldest.key] = nil }
    }

    private static func latest(_ all: [NodeName: Place]) -> Timestamp { all.values.map(\.until).max() ?? .epoch }

    private static func oldest(_ all: [NodeName: Place], except node: NodeName) -> NodeName? {
        all.filter { $0.key != node }.min { ($0.value.until, $0.key) < ($1.value.until, $1.key) }?.key
    }

    /// A pool's name has no space in it.
    private static func key(_ pool: String, _ user: String) -> String { pool + " " + user }
}

extension Cluster {
    /// What the start of an attempt says of its user's slots.
    mutating func noteSlot(of attempt: Attempt, _ launch: Launch, at time: Timestamp) {
        let rank = launch.rank ?? 0
        guard let use = launch.pool, attempt.allocations.indices.contains(rank),
            let user = jobs[attempt.id.task.job]?.submission.user
        else { return }
        warmSlots.started(use, of: user, on: attempt.allocations[rank].node, at: time)
    }

    mutating func noteSlotEnd(of attempt: Attempt, _ job: Job, at time: Timestamp) {
        guard let pool = job.specification.pool else { return }
        for node in attempt.allocations.map(\.node) {
            let definition = nodes[node]?.registration.pools?.first { $0.name == pool }
            guard let idleTime = definition?.idleTime else { continue }
            warmSlots.ended(pool, of: job.submission.user, on: node, idleTime: idleTime, at: time)
        }
    }
}
