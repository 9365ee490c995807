import BerthKeeping
import BerthModel
import Foundation
import Glibc

/// The start and stop hooks of the declared devices that one attempt holds.
///
/// They are the node's owner's programs and run as the agent's user: of the job's environment they see only what Berth
/// says (`BERTH_…`), never a `PATH` or `LD_PRELOAD` of the job's.
struct DeviceHooks {
    private let held: [(device: Device, share: Allocation.DeviceShare, care: DeviceCare)]
    private let facts: [String: String]
    /// There from before the first start hook until all stop hooks have run, also over the agent's end.
    private let mark: String
    private let limit: Duration

    /// - Parameters:
    ///   - environment: the attempt's variables, `NAME=VALUE`.
    ///   - directory: the attempt's own.
    ///   - limit: how long each hook may run.
    init(
        _ allocation: Allocation, on devices: [Device], environment: [String], directory: String,
        limit: Duration = .seconds(60)
    ) {
        let byName = Dictionary(devices.map { ($0.name, $0) }) { first, _ in first }
        held = allocation.devices.compactMap { share in
            guard let device = byName[share.name], let care = device.care else { return nil }
            return (device, share, care)
        }
        facts = Dictionary(
            environment.compactMap { entry in
                guard entry.hasPrefix("BERTH_"), let sign = entry.firstIndex(of: "=") else { return nil }
                return (String(entry[..<sign]), String(entry[entry.index(after: sign)...]))
            }
        ) { first, _ in first }
        mark = directory + "/hooks"
        self.limit = limit
    }

    /// Whether the job may be started only after `start`, and told of only after `stop`.
    static func isNeeded(_ allocation: Allocation, on devices: [Device]) -> Bool {
        let names = Set(allocation.devices.map(\.name))
        return devices.contains { device in
            guard names.contains(device.name), let care = device.care else { return false }
            return !care.startHook.isEmpty || !care.stopHook.isEmpty
        }
    }

    /// Runs the start hooks in the devices' order; blocks.
    ///
    /// - Throws: which failed, and how: the job is not to be started. `stop` is to be called all the same.
    func start() throws {
        try replaceFile(mark, with: [], isDurable: false)
        for (device, share, care) in held where !care.startHook.isEmpty {
            do {
                try command(care.startHook, device, share, "start").run()
            } catch {
                throw ExecutionProblem("The start hook of the device \(device.name) failed: \(error)")
            }
        }
    }

    /// Runs the stop hooks in the reverse order, all of them, if `start` was called and they have not run yet; blocks. After
    /// an agent's end in the midst of it, they run again.
    ///
    /// - Returns: a sentence for each that failed.
    func stop() -> [String] {
        guard access(mark, F_OK) == 0 else { return [] }
        let problems = held.reversed().compactMap { device, share, care -> String? in
            guard !care.stopHook.isEmpty else { return nil }
            do {
                try command(care.stopHook, device, share, "stop").run()
                return nil
            } catch {
                return "The stop hook of the device \(device.name) failed: \(error)"
            }
        }
        unlink(mark)
        return problems
    }

    private func command(
        _ arguments: [String], _ device: Device, _ share: Allocation.DeviceShare, _ phase: String
    ) -> BoundedCommand {
        var variables = facts
        variables["BERTH_DEVICE_COUNT"] = "\(share.thousandths / GPURequest.whole)"
        variables["BERTH_DEVICE_HOOK"] = phase
        return BoundedCommand(
            arguments: arguments, environment: DeviceHooks.environment(of: device, variables), limit: limit)
    }

    /// What the programs of a device's owner find.
    static func environment(of device: Device, _ facts: [String: String] = [:]) -> [String] {
        var variables = facts
        variables["PATH"] = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        variables.merge(device.environment) { _, new in new }
        variables["BERTH_DEVICE_NAME"] = device.name
        variables["BERTH_DEVICE_KIND"] = device.kind
        return variables.map { "\($0.key)=\($0.value)" }.sorted()
    }
}
