public import BerthModel

/// What is believed of each GPU's health: bad news at once, good news only after several good looks in a row, so that a
/// GPU at the edge of its temperature does not come and go.
public struct DeviceHealthJudge: Sendable {
    private var standing: [String: Standing] = [:]
    private let looksToRecover: Int

    private struct Standing {
        var health = Device.Health.healthy
        var goodLooks = 0
        /// A critical error: stays until the driver, and the agent with it, is started again.
        var isFinal = false
    }

    public init(looksToRecover: Int = 6) { self.looksToRecover = max(1, looksToRecover) }

    /// What is known of a device already.
    public mutating func begin(_ device: String, _ health: Device.Health) {
        standing[device] = Standing(health: health)
    }

    /// Takes what a look found.
    ///
    /// - Parameter problem: what speaks against the device; nil for nothing.
    /// - Returns: the device's health where it is another than before.
    public mutating func look(at device: String, problem: String?) -> Device.Health? {
        var now = standing[device] ?? Standing()
        defer { standing[device] = now }
        guard !now.isFinal else { return nil }
        guard let problem else {
            guard now.health != .healthy else { return nil }
            now.goodLooks += 1
            guard now.goodLooks >= looksToRecover else { return nil }
            now = Standing()
            return .healthy
        }
        now.goodLooks = 0
        // The first evidence stands: numbers in it that change are no news.
        guard now.health == .healthy else { return nil }
        now.health = .unusable(problem)
        return now.health
    }

    /// Takes a critical error, after which a device is given to nobody until its driver is started again.
    ///
    /// - Returns: the device's health where that was not known.
    public mutating func fail(_ device: String, _ evidence: String) -> Device.Health? {
        guard standing[device]?.isFinal != true else { return nil }
        standing[device] = Standing(health: .unusable(evidence), isFinal: true)
        return .unusable(evidence)
    }
}
