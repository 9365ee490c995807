/// An agent's memory of its attempts, and its rules: an order is carried out once however often it comes, an end is
/// reported until it is acknowledged, and what is stopped before it came never starts. Pure: the agent and the
/// simulated ones keep the same ledger.
public struct AttemptLedger: Sendable {
    private var entries: [AttemptID: AttemptStatus] = [:]
    /// Orders that wait for the end of others here, in the order in which they came.
    private var waiting: [AttemptOrder] = []
    private var forgotten = ForgottenFences()

    public init(_ statuses: [AttemptStatus] = []) {
        for status in statuses { entries[status.attempt] = status }
    }

    /// Everything that is not acknowledged, in order.
    public var statuses: [AttemptStatus] { entries.values.sorted { $0.attempt < $1.attempt } }

    public func status(of attempt: AttemptID) -> AttemptStatus? { entries[attempt] }

    /// Whether an order would be carried out now.
    public func expects(_ order: AttemptOrder) -> Bool {
        entries[order.attempt.id] == nil && !forgotten.contains(order.attempt.fence)
    }

    /// What an order leads to.
    public enum Acceptance: Hashable, Sendable {
        case begins
        /// `takeDue` gives it back when it may begin.
        case waits
        /// It was carried out, or must not be any more.
        case isKnown
    }

    /// Takes an order in.
    public mutating func accept(_ order: AttemptOrder) -> Acceptance {
        guard expects(order) else { return .isKnown }
        let attempt = order.attempt
        entries[attempt.id] = AttemptStatus(attempt: attempt.id, fence: attempt.fence, phase: .ordered)
        if mayBegin(order) { return .begins }
        waiting.append(order)
        return .waits
    }

    private func mayBegin(_ order: AttemptOrder) -> Bool {
        order.after?.contains { entries[$0]?.hasEnded == false } != true
    }

    /// Whether the attempt waits for the end of others.
    public func isWaiting(_ attempt: AttemptID) -> Bool { waiting.contains { $0.attempt.id == attempt } }

    /// Notes that an attempt which waited has begun.
    public mutating func begin(_ attempt: AttemptID) { waiting.removeAll { $0.attempt.id == attempt } }

    /// Takes out what may begin, now that an attempt has ended.
    public mutating func takeDue() -> [AttemptOrder] {
        guard !waiting.isEmpty else { return [] }
        let due = waiting.filter(mayBegin)
        if !due.isEmpty { waiting.removeAll { order in due.contains { $0.attempt.id == order.attempt.id } } }
        return due
    }

    public mutating func record(_ launch: Launch, of attempt: AttemptID) -> AttemptStatus? {
        guard let entry = entries[attempt], case .ordered = entry.phase else { return nil }
        return set(.running(launch), of: attempt)
    }

    public mutating func record(_ end: AttemptEnd, of attempt: AttemptID) -> AttemptStatus? {
        switch entries[attempt]?.phase {
        case .ordered: set(.ended(end, launch: nil), of: attempt)
        case .running(let launch): set(.ended(end, launch: launch), of: attempt)
        case .ended, nil: nil
        }
    }

    private mutating func set(_ phase: AttemptStatus.Phase, of attempt: AttemptID) -> AttemptStatus? {
        entries[attempt]?.phase = phase
        return entries[attempt]
    }

    /// What a stop order leads to.
    public enum Stopping: Hashable, Sendable {
        /// Its process must be told.
        case stopsProcess
        /// It has ended, or ends without having started; this is to be reported (again).
        case reports(AttemptStatus)
        /// It was here and is forgotten, or has begun before it was recalled: nothing to do.
        case changesNothing
    }

    /// Takes a stop in. One for an attempt that never came is remembered as its end, so that an order which comes late
    /// does not start it.
    public mutating func stop(_ attempt: AttemptID, fence: UInt64, _ reason: StopReason, at time: Timestamp) -> Stopping
    {
        if let entry = entries[attempt], !isWaiting(attempt) {
            guard case .ended = entry.phase else { return reason == .recalled ? .changesNothing : .stopsProcess }
            return .reports(entry)
        }
        guard !forgotten.contains(fence) else { return .changesNothing }
        waiting.removeAll { $0.attempt.id == attempt }
        let verb = reason == .recalled ? "recalled" : "stopped"
        let end = AttemptEnd(cause: .stopped, message: "It was \(verb) before it started.", endTime: time)
        let status = AttemptStatus(attempt: attempt, fence: fence, phase: .ended(end, launch: nil))
        entries[attempt] = status
        return .reports(status)
    }

    /// Forgets an attempt whose end is recorded.
    public mutating func acknowledge(_ attempt: AttemptID, fence: UInt64) {
        guard let entry = entries[attempt], entry.fence == fence, case .ended = entry.phase else { return }
        entries[attempt] = nil
        forgotten.insert(fence)
    }
}

/// The fences of attempts whose end is recorded. Not merely the highest: an order that was lost with an earlier agent comes
/// again after others, with higher fences, have come and gone.
private struct ForgottenFences: Sendable {
    /// The last ones, in two parts of which the older is given up when the younger is full.
    private var younger: Set<UInt64> = []
    private var older: Set<UInt64> = []
    /// All up to this one count as forgotten.
    private var highestGivenUp: UInt64 = 0
    private static let size = 16_384

    func contains(_ fence: UInt64) -> Bool {
        fence <= highestGivenUp || younger.contains(fence) || older.contains(fence)
    }

    mutating func insert(_ fence: UInt64) {
        younger.insert(fence)
        guard younger.count == Self.size else { return }
        highestGivenUp = max(highestGivenUp, older.max() ?? 0)
        (older, younger) = (younger, [])
    }
}
