package import BerthModel
import Foundation
import Synchronization

/// Runs the health commands of a node's declared devices, each on a thread of its own.
package final class DeviceHealthCommands: Sendable {
    private let devices: [(name: String, known: Device.Health, interval: Duration, command: BoundedCommand)]
    private let isStopped = Mutex(false)

    /// - Parameter limit: how long a command may run; one that takes longer has failed.
    package init(_ devices: [Device], limit: Duration = .seconds(30)) {
        self.devices = devices.compactMap { device in
            guard let care = device.care, !care.healthCommand.isEmpty else { return nil }
            let command = BoundedCommand(
                arguments: care.healthCommand, environment: DeviceHooks.environment(of: device), limit: limit)
            return (device.name, device.health, max(care.healthInterval, .milliseconds(10)), command)
        }
    }

    /// A device's health whenever it is another than before: one failure takes it out, one success brings it back. Ends
    /// at once where no device has a command.
    package func changes() -> AsyncStream<(device: String, health: Device.Health)> {
        AsyncStream { changes in
            guard !devices.isEmpty else { return changes.finish() }
            changes.onTermination = { [self] _ in stop() }
            for device in devices {
                Thread.detachNewThread { [self] in
                    var known = device.known
                    while !isStopped.withLock({ $0 }) {
                        let health = Self.health(by: device.command)
                        // Other words for the same failure are no news.
                        if (health == .healthy) != (known == .healthy) {
                            changes.yield((device.name, health))
                            known = health
                        }
                        let next = ContinuousClock.now + device.interval
                        while ContinuousClock.now < next, !isStopped.withLock({ $0 }) {
                            Thread.sleep(forTimeInterval: min((next - ContinuousClock.now) / .seconds(1), 0.5))
                        }
                    }
                }
            }
        }
    }

    package func stop() { isStopped.withLock { $0 = true } }

    private static func health(by command: BoundedCommand) -> Device.Health {
        do {
            try command.run()
            return .healthy
        } catch {
            return .unusable("its health command says no: \(error)")
        }
    }
}
