/// Which failures are tried again, when, and with what.
public struct RetryPolicy: Hashable, Sendable, Codable {
    /// Kinds of failure.
    public enum Failure: String, Hashable, Sendable, Codable, CaseIterable {
        case exit, signal, outOfMemory, timedOut, launchFailed, nodeLost, preempted
    }

    /// Further attempts after the first one failed.
    public var attempts: Int
    /// What is tried again where no rule says anything.
    public var on: Set<Failure>
    public var backoff: Backoff
    /// The first that fits a failure decides about it.
    public var rules: [Rule]

    public init(
        attempts: Int, on: Set<Failure> = [.exit, .signal, .outOfMemory], backoff: Backoff = Backoff(),
        rules: [Rule] = []
    ) {
        self.attempts = attempts
        self.on = on
        self.backoff = backoff
        self.rules = rules
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        attempts = try container.decode(Int.self, forKey: .attempts)
        on = Set(try container.decode([Failure].self, forKey: .on))
        backoff = try container.decode(Backoff.self, forKey: .backoff)
        rules = try container.decodeIfPresent([Rule].self, forKey: .rules) ?? []
    }

    /// A set's order changes from run to run; the record's must not.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(attempts, forKey: .attempts)
        try container.encode(on.sorted { $0.rawValue < $1.rawValue }, forKey: .on)
        try container.encode(backoff, forKey: .backoff)
        if !rules.isEmpty { try container.encode(rules, forKey: .rules) }
    }

    enum CodingKeys: CodingKey { case attempts, on, backoff, rules }

    /// What is to be done about a failure: the first rule that fits it, or else the policy's own terms.
    ///
    /// - Returns: nil where it is not tried again.
    public func retry(after end: AttemptEnd, retries: Int) -> Backoff? {
        guard let failure = end.failure else { return nil }
        guard let rule = rules.first(where: { $0.fits(end) }) else {
            return on.contains(failure) && retries < attempts ? backoff : nil
        }
        return rule.action == .retry && retries < rule.attempts ?? attempts ? rule.backoff ?? backoff : nil
    }

    /// Whether a rule ends the job after what is no failure of its own: its node was lost, or it was preempted.
    public func givesUp(after end: AttemptEnd) -> Bool { rules.first { $0.fits(end) }?.action == .fail }

    /// How much memory the next attempt is to have after one that ran out of it; nil where as much as before.
    ///
    /// - Parameter bytes: what the attempt was given.
    public func memory(after end: AttemptEnd, given bytes: Int64) -> Int64? {
        guard end.cause == .outOfMemory, bytes > 0,
            let growth = rules.first(where: { $0.fits(end) && $0.action == .retry })?.memory
        else { return nil }
        let raised = Int64(Swift.min(Double(bytes) * growth.factor, Double(growth.maximumBytes ?? .max / 2)))
        return raised > bytes ? raised : nil
    }
}

extension RetryPolicy {
    /// What to do about some failures.
    public struct Rule: Hashable, Sendable, Codable {
        public enum Action: String, Hashable, Sendable, Codable, CaseIterable { case retry, fail }

        /// By name, each once.
        public var on: [Failure]
        /// Of exits only these codes; nil for all.
        public var exitCodes: IndexRanges?
        /// Of signals only these; nil for all.
        public var signals: [Int]?
        public var action: Action
        /// Most retries of the task in all; nil for the policy's.
        public var attempts: Int?
        public var backoff: Backoff?
        /// After an out-of-memory end.
        public var memory: MemoryGrowth?

        public init(
            on: [Failure], exitCodes: IndexRanges? = nil, signals: [Int]? = nil, action: Action = .retry,
            attempts: Int? = nil, backoff: Backoff? = nil, memory: MemoryGrowth? = nil
        ) {
            self.on = on
            self.exitCodes = exitCodes
            self.signals = signals
            self.action = action
            self.attempts = attempts
            self.backoff = backoff
            self.memory = memory
        }

        func fits(_ end: AttemptEnd) -> Bool {
            guard let failure = end.failure, on.contains(failure) else { return false }
            return switch failure {
            case .exit: exitCodes.map { codes in end.exitCode.map { codes.contains($0) } ?? false } ?? true
            case .signal: signals.map { signals in end.signal.map { signals.contains($0) } ?? false } ?? true
            case .outOfMemory, .timedOut, .launchFailed, .nodeLost, .preempted: true
            }
        }
    }

    /// How a request for memory grows.
    public struct MemoryGrowth: Hashable, Sendable, Codable {
        /// More than 1.
        public var factor: Double
        public var maximumBytes: Int64?

        public init(factor: Double, maximumBytes: Int64? = nil) {
            self.factor = factor
            self.maximumBytes = maximumBytes
        }
    }

    /// The wait before the n-th retry: up to `initial · factor^(n-1)`, at most `maximum`.
    public struct Backoff: Hashable, Sendable, Codable {
        @Microseconds public var initial: Duration
        public var factor: Double
        @Microseconds public var maximum: Duration
        /// The wait is spread by ± so much of itself; nil draws it from the whole of 0 to the wait ("full jitter"), which
        /// keeps jobs that failed together from coming back together.
        ///
        /// Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
        public var jitter: Double?

        public init(
            initial: Duration = .seconds(10), factor: Double = 2, maximum: Duration = .seconds(600),
            jitter: Double? = nil
        ) {
            self.initial = initial
            self.factor = factor
            self.maximum = maximum
            self.jitter = jitter
        }

        /// - Parameters:
        ///   - retry: counts from 1.
        ///   - seed: what the jitter is drawn from; the same seed gives the same wait.
        public func delay(beforeRetry retry: Int, seed: UInt64) -> Duration {
            var seconds = initial.inSeconds
            for _ in 1..<Swift.max(1, retry) where seconds < maximum.inSeconds { seconds *= factor }
            var generator = SeededGenerator(seed: seed)
            let drawn = Double(generator.next() >> 11) / 9_007_199_254_740_992  // 2^53: from 0 up to 1
            let spread = jitter.map { 1 + $0 * (drawn * 2 - 1) } ?? drawn
            return .microseconds(Int64(Swift.min(seconds, maximum.inSeconds) * spread * 1_000_000))
        }
    }
}

extension AttemptEnd {
    /// Which kind of failure it is; nil for a success and for what is none of the job's.
    public var failure: RetryPolicy.Failure? {
        switch cause {
        case .exit: isSuccess ? nil : .exit
        case .signal: .signal
        case .outOfMemory: .outOfMemory
        case .timeLimit: .timedOut
        case .launchFailed: .launchFailed
        case .nodeLost: .nodeLost
        case .stopped: .preempted
        case .refused: nil
        }
    }
}
