/// Asks for a part of what a task needs and is not on its node: what it has saved on another one, or a file that goes
/// along with its job, which the controller has.
public struct DataRequest: Hashable, Sendable {
    public var task: TaskID
    /// A file of the checkpoint directory; nil asks for the JSON of the directory's `DirectoryManifest`.
    public var path: String?
    /// The digest of a staged file of the task's job; nil asks for what it has saved.
    public var staged: String?
    public var offset: UInt64
    /// Bytes, at most; a node gives no more than `DataPart.maximumBytes` at a time.
    public var limit: UInt64

    public init(task: TaskID, path: String? = nil, staged: String? = nil, offset: UInt64, limit: UInt64) {
        self.task = task
        self.path = path
        self.staged = staged
        self.offset = offset
        self.limit = limit
    }
}

/// The answer to a `DataRequest`.
public struct DataPart: Hashable, Sendable {
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
