package import BerthModel

/// What becomes of a simulated process.
package enum ProcessFate: Hashable, Sendable {
    case launchFails(AttemptEnd.Fault?)
    /// The agent will not start it.
    case isRefused
    case runs(for: Duration, Ending)

    /// What may be wrong with a node.
    package enum Illness: Hashable, Sendable, CaseIterable { case startsNothing, refuses, failsAll, bindsWrong }

    /// The label of jobs of which all tasks fail.
    package static let brokenLabel = "broken"

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
    /// - Parameters:
    ///   - mayFail: whether it may do anything but succeed.
    ///   - illness: what is wrong with its node.
    package static func random(
        for order: AttemptOrder, mayFail: Bool, _ illness: Illness? = nil, using random: inout SeededGenerator
    ) -> Self {
        switch illness {
        case .startsNothing: return .launchFails(.node)
        case .refuses: return .isRefused
        case .failsAll: return .runs(for: random.duration(.zero ... .seconds(5)), Ending(cause: .exit, exitCode: 1))
        case .bindsWrong, nil: break
        }
        // What is wrong with a job itself is wrong everywhere.
        if order.specification.labels[brokenLabel] != nil {
            return .runs(for: random.duration(.zero ... .seconds(5)), Ending(cause: .exit, exitCode: 2))
        }
        if mayFail, random.chance(0.04) {
            return .launchFails([.job, .node, nil].randomElement(using: &random) ?? nil)
        }
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
