public import BerthModel
import CDeviceDrivers
import Foundation
import Synchronization

/// Looks after a node's GPUs of one driver on a thread of its own: uncorrected memory errors, critical errors (NVIDIA's
/// XIDs), temperatures at which they shut down, and what else the driver says is wrong. A GPU's instances share its fate.
public final class DeviceHealthWatcher: Sendable {
    /// A device whose health is another than before.
    public struct Change: Hashable, Sendable {
        public var device: String
        public var health: Device.Health

        public init(device: String, health: Device.Health) {
            self.device = device
            self.health = health
        }
    }

    private let library: DriverLibrary
    /// The devices that are looked after at each of the library's GPUs: itself or its instances.
    package let places: [[Device]]
    private let interval: Duration
    private let isStopped = Mutex(false)

    /// - Parameters:
    ///   - devices: the node's, after `ProbeReport.merging`.
    ///   - interval: from one look to the next; critical errors are told at once.
    /// - Throws: why the library cannot be used.
    public init(_ devices: [Device], of driver: GPUDriver, interval: Duration = .seconds(5)) throws {
        guard let library = try DriverLibrary.open(driver) else {
            throw DriverLibrary.Problem(description: "\(driver.name) is not installed any more.")
        }
        self.library = library
        self.interval = max(interval, .milliseconds(10))
        places = Self.places(of: devices, library)
    }

    /// A GPU that is divided is unusable for that, whatever its health: one with MIG on, or one that is listed once for
    /// each of its partitions.
    private static func places(of devices: [Device], _ library: DriverLibrary) -> [[Device]] {
        let byAddress = Dictionary(
            grouping: devices.filter { $0.kind == "gpu" && !$0.isDeclared && $0.pciAddress != nil }
        ) { $0.pciAddress.flatMap { PCIAddress($0) } }
        let gpus = (0..<library.count).map { try? library.describe($0) }
        let addresses = gpus.map { gpu in gpu.flatMap { PCIAddress($0.pci) } }
        return zip(gpus, addresses).map { gpu, address in
            guard let gpu, let address, addresses.count(where: { $0 == address }) == 1 else { return [] }
            return byAddress[address, default: []].filter { $0.parent != nil || gpu.is_mig_on == 0 }
        }
    }

    /// The changes as they are seen, until the reader goes or the watcher is stopped.
    public func changes() -> AsyncStream<Change> {
        AsyncStream { changes in
            changes.onTermination = { [self] _ in stop() }
            Thread.detachNewThread { [self] in
                watch(changes)
                changes.finish()
            }
        }
    }

    public func stop() { isStopped.withLock { $0 = true } }

    private func watch(_ changes: AsyncStream<Change>.Continuation) {
        var judge = DeviceHealthJudge()
        let hearsErrors = library.watchErrors()
        for device in places.joined() where device.health != .healthy { judge.begin(device.name, device.health) }
        while !isStopped.withLock({ $0 }) {
            for (index, devices) in places.enumerated() where !devices.isEmpty {
                let problem = library.evidence(index).problem
                for device in devices {
                    if let health = judge.look(at: device.name, problem: problem) {
                        changes.yield(Change(device: device.name, health: health))
                    }
                }
            }
            let next = ContinuousClock.now + interval
            while ContinuousClock.now < next, !isStopped.withLock({ $0 }) {
                let rest = min((next - ContinuousClock.now) / .milliseconds(1), 500)
                guard hearsErrors, let error = library.nextXID(within: UInt32(max(1, rest))) else {
                    // A driver that answers at once must not be asked without end.
                    Thread.sleep(forTimeInterval: hearsErrors ? 0.005 : max(1, rest) / 1000)
                    continue
                }
                guard !GPUEvidence.isJobsFault(xid: error.number), places.indices.contains(error.index) else {
                    continue
                }
                for device in places[error.index] {
                    let evidence = "XID \(error.number): a critical error; see its driver's log, and reset the GPU"
                    guard let health = judge.fail(device.name, evidence) else { continue }
                    changes.yield(Change(device: device.name, health: health))
                }
            }
        }
    }
}
