/// Learns from jobs that have ended how long such jobs run. State is bounded: a short history for each of a bounded
/// number of keys, of which the one unused for longest is forgotten first.
///
/// Four kinds of history, most telling first: the same user (and name), width and request; the same user and request;
/// the same user, as a share of the request; everybody, as a share of the request. A history of effective size n takes
/// n / (n + 1) of the weight that the kinds before it left, and its runs count less by a constant factor with age. A
/// small share always stays with the request itself.
///
/// Sources: the user's last runs, Tsafrir, Etsion and Feitelson, IEEE TPDS 18(6), 2007; similar jobs by a hierarchy of
/// templates, Smith, Foster and Taylor, JSSPP 1998. Keeping the runs rather than a mean of them is ours.
public struct RunTimeEstimator: Hashable, Sendable, Codable {
    /// What is known of a job when it is submitted.
    public struct Features: Hashable, Sendable, Codable {
        public var user: String
        /// What the job is called, where that says something: empty leaves it out.
        public var name: String
        /// How much it asks for: processors, nodes.
        public var width: Int
        public var requestedSeconds: Int

        public init(user: String, name: String = "", width: Int, requestedSeconds: Int) {
            self.user = user
            self.name = name
            self.width = width
            self.requestedSeconds = requestedSeconds
        }
    }

    /// Numbers that were chosen on batch logs: longer histories cost time and bring little, shorter ones forget.
    public struct Setting: Hashable, Sendable, Codable {
        /// Runs kept for a key; four times as many for everybody.
        public var historyLength = 16
        /// How much less the run before counts.
        public var ageFactor = 0.9
        /// The share of the request itself.
        public var requestShare = 0.02
        public var keyLimit = 100_000

        public init() {}
    }

    private enum Key: Hashable, Sendable, Codable {
        case sameJob(Features)
        case sameRequest(user: String, requestedSeconds: Int)
        case user(String)
        case everybody
    }

    private let setting: Setting
    private var histories: [Key: RunHistory] = [:]
    /// Counts observations; the clock of forgetting.
    private var observations = 0

    public init(_ setting: Setting = Setting()) { self.setting = setting }

    /// How many histories are kept.
    public var keyCount: Int { histories.count }

    /// A job has ended after `seconds`.
    public mutating func observe(_ features: Features, ranSeconds seconds: Double) {
        observations += 1
        for key in Self.keys(features) {
            let value = Self.isShare(key) ? seconds / Double(max(1, features.requestedSeconds)) : seconds
            let limit = key == .everybody ? 4 * setting.historyLength : setting.historyLength
            histories[key, default: RunHistory()].append(value, limit: limit, at: observations)
        }
        if histories.count > setting.keyLimit { forgetHalf() }
    }

    /// Runs of the same user, name, width and request that are remembered, or else of the same user and request.
    public func runsRemembered(of features: Features) -> Int {
        for key in Self.keys(features).prefix(2) {
            if let history = histories[key], !history.values.isEmpty { return history.values.count }
        }
        return 0
    }

    /// The time within which such a job is over with four chances in five; nil where fewer than two runs of its likes
    /// are remembered.
    public func expectedSeconds(of features: Features, _ estimate: RunTimeEstimate) -> Double? {
        runsRemembered(of: features) >= 2 ? estimate.quantileSeconds(0.8) : nil
    }

    /// What to expect of a job that has not started.
    public func estimate(_ features: Features) -> RunTimeEstimate {
        let request = Double(max(1, features.requestedSeconds))
        var samples = [RunTimeEstimate.Sample(seconds: request, weight: setting.requestShare)]
        var left = 1 - setting.requestShare
        for key in Self.keys(features) {
            guard let history = histories[key] else { continue }
            let size = history.effectiveSize(ageFactor: setting.ageFactor)
            let share = key == .everybody ? left : left * size / (size + 1)
            var weight = share / size
            for value in history.values.reversed() {
                samples.append(.init(seconds: Self.isShare(key) ? value * request : value, weight: weight))
                weight *= setting.ageFactor
            }
            left -= share
        }
        if left > 0 { samples[0].weight += left }
        return RunTimeEstimate(samples, requestedSeconds: request)
    }

    private static func keys(_ features: Features) -> [Key] {
        [
            .sameJob(features), .sameRequest(user: features.user, requestedSeconds: features.requestedSeconds),
            .user(features.user), .everybody,
        ]
    }

    /// Jobs of different requests are compared by the share that they used.
    private static func isShare(_ key: Key) -> Bool {
        switch key {
        case .sameJob, .sameRequest: false
        case .user, .everybody: true
        }
    }

    /// Keeps the half used last, by a rule that does not depend on the order in which keys are stored.
    private mutating func forgetHalf() {
        let ages = histories.values.map(\.lastUse).sorted()
        let oldest = ages[ages.count / 2]
        histories = histories.filter { $0.value.lastUse > oldest || $0.key == .everybody }
    }
}

/// The last runs under one key, oldest first.
struct RunHistory: Hashable, Sendable, Codable {
    private(set) var values: [Double] = []
    private(set) var lastUse = 0

    mutating func append(_ value: Double, limit: Int, at time: Int) {
        if values.count >= limit { values.removeFirst(values.count - limit + 1) }
        values.append(value)
        lastUse = time
    }

    /// The sum of weights where the newest counts one.
    func effectiveSize(ageFactor: Double) -> Double {
        values.indices.reduce((sum: 0.0, weight: 1.0)) { state, _ in
            (state.sum + state.weight, state.weight * ageFactor)
        }.sum
    }
}
