/// A kind of warm slot that a node offers: a process that has imported what jobs need and forks for each of them, or a
/// model server that answers their requests.
public struct PoolDefinition: Hashable, Sendable, Codable {
    public var name: String
    /// Starts the slot's process. A fork server's is the interpreter and `-m berth_worker --import MODULE…`, and
    /// `--socket PATH` is added. In a model server's, `{port}`, `{port2}`, `{port3}` and `{socket}` are replaced.
    public var command: [String]
    /// Of a model server; nil is a fork server.
    public var server: ServerTerms?
    /// What one slot is given while it waits; its jobs have their own.
    public var cpus: Int
    /// 0 bounds nothing.
    public var memoryBytes: Int64
    /// Slots that stay however long nobody uses them.
    public var minimumSlots: Int
    /// Slots of all users together.
    public var maximumSlots: Int
    /// How long a slot beyond the minimum waits for its next job.
    @Microseconds public var idleTime: Duration

    /// When a model server is ready to be asked.
    public struct ServerTerms: Hashable, Sendable, Codable {
        /// The path that answers 200 then.
        public var readyPath: String
        /// Jobs wait so long for the server and their model, and fail to start after it.
        @Microseconds public var readyTime: Duration

        /// - Parameter readyPath: the protocol's own, where the server does not differ.
        public init(readyPath: String = "/v2/health/ready", readyTime: Duration = .seconds(120)) {
            self.readyPath = readyPath
            self.readyTime = readyTime
        }
    }

    public init(
        name: String, command: [String], server: ServerTerms? = nil, cpus: Int = 1, memoryBytes: Int64 = 0,
        minimumSlots: Int = 0, maximumSlots: Int = 1, idleTime: Duration = .seconds(600)
    ) {
        self.name = name
        self.command = command
        self.server = server
        self.cpus = cpus
        self.memoryBytes = memoryBytes
        self.minimumSlots = minimumSlots
        self.maximumSlots = maximumSlots
        self.idleTime = idleTime
    }

    /// Of everything that decides what a slot holds: slots of different keys are never taken for each other.
    ///
    /// - Parameter devices: names of those that the slot's process sees.
    public func key(user: String, devices: [String] = []) -> String {
        var hasher = StableHasher()
        hasher.combine(user)
        hasher.combine(name)
        for word in command { hasher.combine(word) }
        hasher.combine("\(cpus) \(memoryBytes)")
        if let server {
            hasher.combine(server.readyPath)
            for device in devices.sorted() { hasher.combine(device) }
        }
        return hasher.text
    }
}
