/// An agent's memory of its attempts, and its rules: an order is carried out once however often it comes, an end is
/// reported until it is acknowledged, and what is stopped before it came never starts. Pure: the agent and the
/// simulated ones keep the same ledger.
public struct AttemptLedger: Sendable {
    private var entries: [AttemptID: AttemptStatus] = [:]
    /// Attempts with this fence or a lower one that are not in `entries` were here and are forgotten.
    private var highestForgottenFence: UInt64 = 0

    public init(_ statuses: [AttemptStatus] = []) {
        for status in statuses { entries[status.attempt] = status }
    }

    /// Everything that is not acknowledged, in order.
    public var statuses: [AttemptStatus] { entries.values.sorted { $0.attempt < $1.attempt } }

    public func status(of attempt: AttemptID) -> AttemptStatus? { entries[attempt] }

    /// Whether an order would be carried out now.
    public func expects(_ order: AttemptOrder) -> Bool {
        entries[order.attempt.id] == nil && order.attempt.fence > highestForgottenFence
    }

    /// Takes an order in.
    ///
    /// - Returns: whether to carry it out now; false where it was, or must not be any more.
    public mutating func accept(_ order: AttemptOrder) -> Bool {
        guard expects(order) else { return false }
        let attempt = order.attempt
        entries[attempt.id] = AttemptStatus(attempt: attempt.id, fence: attempt.fence, phase: .ordered)
        return true
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
        /// It was here and is forgotten: nothing to do.
        case isForgotten
    }

    /// Takes a stop in. One for an attempt that never came is remembered as its end, so that an order which comes late
    /// does not start it.
    public mutating func stop(_ attempt: AttemptID, fence: UInt64, at time: Timestamp) -> Stopping {
        if let entry = entries[attempt] {
            guard case .ended = entry.phase else { return .stopsProcess }
            return .reports(entry)
        }
        guard fence > highestForgottenFence else { return .isForgotten }
        let end = AttemptEnd(cause: .stopped, message: "It was stopped before it started.", endTime: time)
        let status = AttemptStatus(attempt: attempt, fence: fence, phase: .ended(end, launch: nil))
        entries[attempt] = status
        return .reports(status)
    }

    /// Forgets an attempt whose end is recorded.
    public mutating func acknowledge(_ attempt: AttemptID, fence: UInt64) {
        guard let entry = entries[attempt], entry.fence == fence, case .ended = entry.phase else { return }
        entries[attempt] = nil
        highestForgottenFence = max(highestForgottenFence, fence)
    }
}
