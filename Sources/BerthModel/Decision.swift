/// Why a task was started where it was: enough to explain the choice and to check a replay of it.
public struct Decision: Hashable, Sendable, Codable {
    /// Which rules decided; changes whenever the same cluster could be decided otherwise.
    public var policy: String
    /// Of everything the choice was made from: the request and each node's free resources. Equal digests must give
    /// equal choices.
    public var saw: String
    /// Waiting jobs that were looked at before this one in the same plan.
    public var jobsAhead: Int
    public var nodesConsidered: Int
    /// The best candidates, the chosen one first, at most `Decision.recordedCandidates`.
    public var candidates: [Candidate]
    /// How many of the other nodes failed by what, `cores: 3`.
    public var rejected: [String: Int]

    public static let recordedCandidates = 4

    public var chosen: Candidate? { candidates.first }
    public var runnerUp: Candidate? { candidates.dropFirst().first }

    public init(
        policy: String, saw: String, jobsAhead: Int, nodesConsidered: Int, candidates: [Candidate],
        rejected: [String: Int]
    ) {
        self.policy = policy
        self.saw = saw
        self.jobsAhead = jobsAhead
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
    /// Devices on the node that the task does not ask for.
    public var unaskedDevices: Int
    /// Devices of the task that lie at another NUMA node than its cores.
    public var distantDevices: Int
    /// NUMA nodes that its cores and memory lie on.
    public var numaNodes: Int
    /// Free cores left over in the NUMA nodes used, and on the node.
    public var coresLeftNear: Int
    public var coresLeft: Int
    public var memoryLeftMiB: Int64

    public init(
        unaskedDevices: Int, distantDevices: Int, numaNodes: Int, coresLeftNear: Int, coresLeft: Int,
        memoryLeftMiB: Int64
    ) {
        self.unaskedDevices = unaskedDevices
        self.distantDevices = distantDevices
        self.numaNodes = numaNodes
        self.coresLeftNear = coresLeftNear
        self.coresLeft = coresLeft
        self.memoryLeftMiB = memoryLeftMiB
    }

    private var order: [Int64] {
        [
            Int64(unaskedDevices), Int64(distantDevices), Int64(numaNodes), Int64(coresLeftNear), Int64(coresLeft),
            memoryLeftMiB,
        ]
    }

    public static func < (left: Self, right: Self) -> Bool { left.order.lexicographicallyPrecedes(right.order) }
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
