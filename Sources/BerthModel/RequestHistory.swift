/// What the latest submissions asked for: the mix of jobs that is expected to come.
public struct RequestHistory: Hashable, Sendable, Codable {
    /// Submissions kept, and how many pass before whoever learns from them looks again.
    public static let kept = 512
    public static let period = 64

    /// The newest last; of a job with alternatives its first shape.
    public private(set) var requests: [ResourceRequest] = []
    /// Those since the last change.
    private var pending: [ResourceRequest] = []
    /// Changes once in a period: what was learned from `requests` counts until then.
    public private(set) var epoch = 0

    public init() {}

    mutating func observe(_ request: ResourceRequest) {
        pending.append(request)
        guard pending.count >= (epoch == 0 ? 1 : Self.period) else { return }
        epoch += 1
        requests = (requests + pending).suffix(Self.kept)
        pending = []
    }
}
