/// Asks a node for a part of what a task has saved there.
public struct CheckpointRequest: Hashable, Sendable {
    public var task: TaskID
    /// A file of the checkpoint directory; nil asks for the JSON of the directory's `DirectoryManifest`.
    public var path: String?
    public var offset: UInt64
    /// Bytes, at most; a node gives no more than `CheckpointPart.maximumBytes` at a time.
    public var limit: UInt64

    public init(task: TaskID, path: String? = nil, offset: UInt64, limit: UInt64) {
        self.task = task
        self.path = path
        self.offset = offset
        self.limit = limit
    }
}

/// The answer to a `CheckpointRequest`.
public struct CheckpointPart: Hashable, Sendable {
    /// A quarter of what fits into one message between controller and agent.
    public static let maximumBytes: UInt64 = 1 << 20

    public var data: [UInt8]
    /// Bytes of the whole, whatever was asked of it.
    public var total: UInt64
    /// Whether the manifest is still being made, and is to be asked for again.
    public var isPending: Bool
    /// Why there is nothing, in a sentence.
    public var problem: String?

    public init(data: [UInt8] = [], total: UInt64 = 0, isPending: Bool = false, problem: String? = nil) {
        self.data = data
        self.total = total
        self.isPending = isPending
        self.problem = problem
    }
}
