public import BerthModel

/// A promise of Berth's that does not hold.
package struct BrokenPromise: Error, Hashable, Sendable, CustomStringConvertible {
    package let promise: String
    package let detail: String

    package init(_ promise: String, _ detail: String) {
        self.promise = promise
        self.detail = detail
    }

    package var description: String { "\(promise): \(detail)" }

    /// Checks one case of a promise.
    static func unless(_ holds: Bool, _ promise: String, _ detail: @autoclosure () -> String) throws(BrokenPromise) {
        if !holds { throw BrokenPromise(promise, detail()) }
    }
}

/// Where a simulation broke a promise: the seed and its arguments bring it back.
public struct SimulationFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let seed: UInt64
    public let time: Timestamp
    public let problem: String

    public var description: String { "Seed \(seed) at \(time): \(problem)" }
}
