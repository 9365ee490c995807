/// How an attempt whose job names a pool was started. With a fork server a miss starts cold; with a model server it waits.
public struct PoolUse: Hashable, Sendable, Codable {
    public enum Miss: String, Hashable, Sendable, Codable, CaseIterable {
        /// The user had no slot; one is started.
        case coldStart
        /// The user's slot is not ready yet.
        case starting
        /// All slots belong to other users' running jobs.
        case poolFull
        /// The node's agent does not offer the pool.
        case notOffered
        /// The command is not the pool's interpreter with a script, `-m MODULE` or `-c CODE`.
        case notPython
        /// The job sets a variable that counts only when an interpreter or a library is started.
        case needsOwnStart
        /// The slot's server ended by itself a short while ago and is not started again yet.
        case serverFailed
        /// The slot did not answer, and the job was started without it.
        case slotFailed
        /// The model server was ready, and had to load the model.
        case modelNotLoaded
        /// Jobs and their slots leave no memory for a further slot.
        case noRoom
    }

    public var pool: String
    /// nil where a warm slot was ready; else the first thing that was in the way.
    public var miss: Miss?
    /// What the slot took to become ready, and its model to load, which the job did not wait for; nil after a miss.
    public var secondsSaved: Double?
    /// How long the job waited for its model server after a miss; nil where it did not wait.
    public var secondsWaited: Double?
    public var isHit: Bool { miss == nil }

    public init(pool: String, miss: Miss? = nil, secondsSaved: Double? = nil, secondsWaited: Double? = nil) {
        self.pool = pool
        self.miss = miss
        self.secondsSaved = secondsSaved
        self.secondsWaited = secondsWaited
    }
}

/// What became of one pool on one node, since its agent started.
public struct PoolStatus: Hashable, Sendable, Codable {
    public var pool: String
    /// Slots that wait for a job, and slots with jobs that came out of them.
    public var idleSlots: Int
    public var busySlots: Int
    public var hits: Int
    /// By reason, in the order of the reasons' names.
    public var misses: [MissCount]
    /// By all hits.
    public var secondsSaved: Double

    public struct MissCount: Hashable, Sendable, Codable {
        public var reason: PoolUse.Miss
        public var count: Int

        public init(reason: PoolUse.Miss, count: Int) {
            self.reason = reason
            self.count = count
        }
    }

    public init(
        pool: String, idleSlots: Int = 0, busySlots: Int = 0, hits: Int = 0, misses: [MissCount] = [],
        secondsSaved: Double = 0
    ) {
        self.pool = pool
        self.idleSlots = idleSlots
        self.busySlots = busySlots
        self.hits = hits
        self.misses = misses
        self.secondsSaved = secondsSaved
    }
}
