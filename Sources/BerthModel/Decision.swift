/// Why a task was started where it was: enough to explain the choice and to check a replay of it.
public struct Decision: Hashable, Sendable, Codable {
    /// Which rules decided; changes whenever the same cluster could be decided otherwise.
    public var policy: String
    /// Of everything the choice was made from: the request and each node's free resources. Equal digests must give
    /// equal choices.
    public var saw: String
    /// Kinds of equal waiting jobs that were looked at before this one in the same plan.
    public var jobsAhead: Int
    /// What the job's place in line came from.
    public var priority: JobPriority?
    public var nodesConsidered: Int
    /// The best candidates, the chosen one first, at most `Decision.recordedCandidates`.
    public var candidates: [Candidate]
    /// How many of the other nodes failed by what, `cores: 3`.
    public var rejected: [String: Int]

    public static let recordedCandidates = 4

    public var chosen: Candidate? { candidates.first }
    public var runnerUp: Candidate? { candidates.dropFirst().first }

    public init(
        policy: String, saw: String, jobsAhead: Int, priority: JobPriority? = nil, nodesConsidered: Int,
        candidates: [Candidate], rejected: [String: Int]
    ) {
        self.policy = policy
        self.saw = saw
        self.jobsAhead = jobsAhead
        self.priority = priority
        self.nodesConsidered = nodesConsidered
        self.candidates = candidates
        self.rejected = rejected
    }

    /// A node that could have taken the task. Lower scores are better, the first difference decides.
    public struct Candidate: Hashable, Sendable, Codable {
        public var node: NodeName
        public var shape: Int
        public var score: PlacementScore

        public init(node: NodeName, shape: Int, score: PlacementScore) {
            self.node = node
            self.shape = shape
            self.score = score
        }
    }
}

/// What a placement costs the others, the most important first.
public struct PlacementScore: Hashable, Sendable, Codable, Comparable {
    /// How much longer it takes there than on the fastest type of its throughput, in per cent, to the nearest ten.
    public var slowdown: Int
    /// Thousandths of GPUs that jobs of the usual mix can no longer use, beside those that the task takes.
    public var fragmentation: Int
    /// Free devices on the node that the task does not ask for.
    public var unaskedDevices: Int
    public var coresLeft: Int
    public var memoryLeftMiB: Int64
    /// What it does not wait for there, since its user has a warm slot of its pool; nil where none is believed to be. It counts
    /// before all else, against how much longer the job may take there; nodes are not ordered by it here.
    public var secondsSaved: Double?

    public init(
        slowdown: Int = 0, fragmentation: Int, unaskedDevices: Int, coresLeft: Int, memoryLeftMiB: Int64
    ) {
        self.slowdown = slowdown
        self.fragmentation = fragmentation
        self.unaskedDevices = unaskedDevices
        self.coresLeft = coresLeft
        self.memoryLeftMiB = memoryLeftMiB
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        // What earlier policies did not know.
        slowdown = try container.decodeIfPresent(Int.self, forKey: .slowdown) ?? 0
        fragmentation = try container.decodeIfPresent(Int.self, forKey: .fragmentation) ?? 0
        unaskedDevices = try container.decode(Int.self, forKey: .unaskedDevices)
        coresLeft = try container.decode(Int.self, forKey: .coresLeft)
        memoryLeftMiB = try container.decode(Int64.self, forKey: .memoryLeftMiB)
        secondsSaved = try container.decodeIfPresent(Double.self, forKey: .secondsSaved)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        if slowdown != 0 { try container.encode(slowdown, forKey: .slowdown) }
        try container.encode(fragmentation, forKey: .fragmentation)
        try container.encode(unaskedDevices, forKey: .unaskedDevices)
        try container.encode(coresLeft, forKey: .coresLeft)
        try container.encode(memoryLeftMiB, forKey: .memoryLeftMiB)
        try container.encodeIfPresent(secondsSaved, forKey: .secondsSaved)
    }

    private enum CodingKeys: CodingKey {
        case slowdown, fragmentation, unaskedDevices, coresLeft, memoryLeftMiB, secondsSaved
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.slowdown, left.fragmentation, left.unaskedDevices, left.coresLeft, left.memoryLeftMiB)
            < (right.slowdown, right.fragmentation, right.unaskedDevices, right.coresLeft, right.memoryLeftMiB)
    }
}

/// FNV-1a over bytes, 64 bits: the same in every process, which Swift's own `Hasher` is not. For digests of decisions,
/// not against forgery.
///
/// Source: G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, IETF draft-eastlake-fnv.
public struct StableHasher: Sendable {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    public init() {}

    public mutating func combine(_ text: some StringProtocol) {
        for byte in text.utf8 { combine(byte: byte) }
        combine(byte: 0)
    }

    public mutating func combine(_ number: some FixedWidthInteger) {
        var rest = UInt64(truncatingIfNeeded: number)
        for _ in 0..<8 {
            combine(byte: UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private mutating func combine(byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }

    public var value: UInt64 { state }
    public var text: String {
        let digits = String(state, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
