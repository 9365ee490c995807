/// A kind of warm slot that a node offers: a process that has imported what jobs need, and forks for each of them.
public struct PoolDefinition: Hashable, Sendable, Codable {
    public var name: String
    /// Starts the fork server: the interpreter, and `-m berth_worker --import MODULE…`. `--socket PATH` is added.
    public var command: [String]
    /// What one slot is given while it waits; its jobs have their own.
    public var cpus: Int
    /// 0 bounds nothing.
    public var memoryBytes: Int64
    /// Slots that stay however long nobody uses them.
    public var minimumSlots: Int
    /// Slots of all users together, one for each user at most.
    public var maximumSlots: Int
    /// How long a slot beyond the minimum waits for its next job.
    @Microseconds public var idleTime: Duration

    public init(
        name: String, command: [String], cpus: Int = 1, memoryBytes: Int64 = 0, minimumSlots: Int = 0,
        maximumSlots: Int = 1, idleTime: Duration = .seconds(600)
    ) {
        self.name = name
        self.command = command
        self.cpus = cpus
        self.memoryBytes = memoryBytes
        self.minimumSlots = minimumSlots
        self.maximumSlots = maximumSlots
        self.idleTime = idleTime
    }

    /// Of everything that decides what a slot holds, for one user: slots of different keys are never taken for each other.
    public func key(user: String) -> String {
        var hasher = StableHasher()
        hasher.combine(user)
        hasher.combine(name)
        for word in command { hasher.combine(word) }
        hasher.combine("\(cpus) \(memoryBytes)")
        return hasher.text
    }
}
