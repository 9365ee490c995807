/// How long a job may be passed over before it goes ahead of every score: the guard against starvation.
///
///     patience = min(most waiting, most flow - request) · stretch(load)
///
/// A job that asks for days is due sooner, so that waiting and running together stay bounded. While more work arrives
/// than the pool can do, no order keeps waits bounded, and holding to the rule would leave the short jobs to suffer for
/// all: patience then stretches, up to a limit.
public struct Patience: Hashable, Sendable {
    public var mostWaitingSeconds = 360_000.0
    public var mostFlowSeconds = 300_000.0
    /// Never less than this, however long the request.
    public var leastWaitingSeconds = 3_600.0
    /// The load from which patience stretches, as 1 / (1 - load).
    public var heavyLoad = 0.95
    public var longestStretch = 5.0

    public init() {}

    /// - Parameter load: work that arrives per work that can be done; see `OfferedLoad`.
    public func seconds(requestedSeconds: Double, load: Double) -> Double {
        let base = max(leastWaitingSeconds, min(mostWaitingSeconds, mostFlowSeconds - requestedSeconds))
        let room = max(1 - load, (1 - heavyLoad) / longestStretch)
        return base * max(1, (1 - heavyLoad) / room)
    }
}
