/// What a user asks for: a job's description after its defaults are filled in. See `docs/reference/job.md`.
public struct JobSpecification: Hashable, Sendable, Codable {
    public var name: String
    /// The program and its arguments; empty where `script` is given.
    public var command: [String] = []
    /// A text that `/bin/sh` runs (or what its `#!` line names).
    public var script: String?
    /// An absolute path.
    public var workingDirectory: String
    public var environment: [String: EnvironmentValue] = [:]
    public var queue: String
    public var project: String?
    public var labels: [String: String] = [:]
    public var resources = ResourceRequest()
    /// Tried in order where `resources` do not fit now.
    public var alternatives: [ResourceRequest] = []
    public var constraints: [Expression] = []
    /// After this long running, an attempt is stopped and has timed out.
    @OptionalMicroseconds public var timeLimit: Duration?
    /// How long it usually runs; nothing is done to a job that runs longer.
    @OptionalMicroseconds public var expectedTime: Duration?
    /// A job that has not started by then ends.
    public var deadline: Timestamp?
    public var begin: Timestamp?
    public var isHeld = false
    public var retry: RetryPolicy?
    /// Between the notice and SIGKILL when the job is to stop.
    @OptionalMicroseconds public var grace: Duration?
    /// Relative to the working directory; nil gives the job a directory of Berth's own.
    public var checkpointDirectory: String?
    public var dependencies: [Dependency] = []
    public var array: ArraySpecification?
    public var pool: String?
    /// What the pool's model server has loaded before the job starts; nil where the job sees to that.
    public var model: ModelReference?
    /// Files that are hashed before an attempt starts, relative to the working directory.
    public var inputs: [String] = []
    /// Files that are hashed after an attempt has ended.
    public var outputs: [String] = []
    /// Files whose content goes along with the job; nil for none.
    public var staged: [StagedFile]?
    /// Results that an attempt writes to a directory of its own, and that take their places in the working directory when
    /// it has succeeded; nil for none.
    public var published: [String]?
    /// Where standard output and error go instead of Berth's own logs.
    public var standardOutput: String?
    public var standardError: String?
    /// What the submitting program found out about the code: repository, commit, whether changed since.
    public var code: CodeState?

    public init(name: String, command: [String] = [], workingDirectory: String, queue: String) {
        self.name = name
        self.command = command
        self.workingDirectory = workingDirectory
        self.queue = queue
    }

    /// All shapes it may run in, most wanted first.
    public var shapes: [ResourceRequest] { [resources] + alternatives }
    /// The file that was named for an output stream; nil where none was. Members of a gang may share a file system, so
    /// each but the first has a file of its own: `train.out`, `train.out.1`.
    public func outputFile(isStandardError: Bool, rank: Int) -> String? {
        let file = isStandardError ? standardError : standardOutput
        return rank == 0 ? file : file.map { "\($0).\(rank)" }
    }
    /// The tasks' indices: 0 alone for a job that is no array.
    public var taskIndices: IndexRanges { array?.indices ?? IndexRanges(0..<1) }
}

/// A variable's value, or in its place the proof of a secret that is kept elsewhere.
public enum EnvironmentValue: Hashable, Sendable, Codable {
    case plain(String)
    /// A keyed digest of the value (HMAC-SHA256, hexadecimal): equality can be asked without revealing it.
    case secret(digest: String)

    /// A text, or `{"secret": DIGEST}`: no text that a user writes can be taken for a secret.
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: CodingKeys.self) {
            self = .secret(digest: try container.decode(String.self, forKey: .secret))
        } else {
            self = .plain(try String(from: decoder))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .plain(let text): try text.encode(to: encoder)
        case .secret(let digest):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(digest, forKey: .secret)
        }
    }

    private enum CodingKeys: CodingKey { case secret }
}

/// The version of the code that a job runs, as git sees its working directory.
public struct CodeState: Hashable, Sendable, Codable {
    public var repository: String
    public var commit: String
    /// Whether tracked files differ from the commit.
    public var isDirty: Bool

    public init(repository: String, commit: String, isDirty: Bool) {
        self.repository = repository
        self.commit = commit
        self.isDirty = isDirty
    }
}

/// The job waits for another one.
public struct Dependency: Hashable, Sendable, Codable {
    public enum Condition: String, Hashable, Sendable, Codable, CaseIterable { case succeeded, failed, ended, started }

    public var job: Job.ID
    public var condition: Condition

    public init(job: Job.ID, condition: Condition = .succeeded) {
        self.job = job
        self.condition = condition
    }
}

/// Many tasks that differ only in their index or value.
public struct ArraySpecification: Hashable, Sendable, Codable {
    /// Largest number of tasks of one job.
    public static let limit = 1_000_000

    /// The tasks' indices.
    public var indices: IndexRanges
    /// At most so many at a time; nil sets no limit.
    public var parallel: Int?
    /// What each task finds as its value, in the order of the indices; empty where the index is all.
    public var values: [String]

    public init(indices: IndexRanges, parallel: Int? = nil, values: [String] = []) {
        self.indices = indices
        self.parallel = parallel
        self.values = values
    }

    /// Tasks 0, 1, 2 … with these values.
    public init(values: [String], parallel: Int? = nil) {
        self.init(indices: IndexRanges(0..<values.count), parallel: parallel, values: values)
    }

    /// What the task with `index` finds as its value; nil where the array has none.
    public func value(of index: Int) -> String? {
        indices.position(of: index).flatMap { $0 < values.count ? values[$0] : nil }
    }
}

/// SplitMix64: small, fast, and the same everywhere. Not for secrets.
///
/// Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
