import RealModule

/// Work that arrives per work that a pool can do, over about four weeks: fades exponentially, corrected for a short past.
public struct OfferedLoad: Hashable, Sendable {
    private static let memorySeconds = 28.0 * 86_400
    /// A shorter past says too little about the rate.
    private static let leastPastSeconds = 86_400.0

    private var work = 0.0
    private var pastSeconds = 0.0
    private var last: Double?

    public init() {}

    /// - Parameters:
    ///   - work: expected run time times width.
    ///   - seconds: now, never falling.
    public mutating func arrived(work: Double, capacity: Double, at seconds: Double) {
        let fading = Double.exp(-(seconds - (last ?? seconds)) / Self.memorySeconds)
        self.work = self.work * fading + work / capacity
        pastSeconds = pastSeconds * fading + (1 - fading) * Self.memorySeconds
        last = seconds
    }

    /// Work that had been expected turned out to be more or, where negative, less.
    public mutating func corrected(work: Double, capacity: Double) { self.work += work / capacity }

    public var value: Double { work / max(pastSeconds, Self.leastPastSeconds) }
}
