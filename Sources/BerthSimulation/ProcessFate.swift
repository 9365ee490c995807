package import BerthModel

/// What becomes of a simulated process.
package enum ProcessFate: Hashable, Sendable {
    case launchFails
    /// The agent will not start it.
    case isRefused
    case runs(for: Duration, Ending)

    /// How a process ends that was started.
    package struct Ending: Hashable, Sendable {
        package var cause: AttemptEnd.Cause
        package var exitCode: Int?
        package var signal: Int?

        package static let success = Ending(cause: .exit, exitCode: 0)
        package static let stopped = Ending(cause: .stopped, signal: 15)
    }

    /// A process that runs about as long as its job expects, and not longer than its limit.
    ///
    /// - Parameter mayFail: whether it may do anything but succeed.
    package static func random(for order: AttemptOrder, mayFail: Bool, using random: inout SeededGenerator) -> Self {
        if mayFail, random.chance(0.04) { return .launchFails }
        if mayFail, random.chance(0.04) { return .isRefused }
        let expected = order.specification.expectedTime ?? .seconds(60)
        let length = random.duration(expected / 2...expected * 3 / 2)
        if let limit = order.specification.timeLimit, limit < length {
            return .runs(for: limit, Ending(cause: .timeLimit, signal: 9))
        }
        guard mayFail, random.chance(0.3) else { return .runs(for: length, .success) }
        let failures = [
            Ending(cause: .exit, exitCode: 1), Ending(cause: .signal, signal: 11),
            Ending(cause: .outOfMemory, signal: 9),
        ]
        return .runs(for: length, failures.randomElement(using: &random) ?? .success)
    }
}
