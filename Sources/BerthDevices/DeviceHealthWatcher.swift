public import BerthModel
import CDeviceDrivers
import Foundation
import Synchronization

/// Looks after a node's NVIDIA GPUs on a thread of its own: uncorrected memory errors, critical errors (XIDs), and
/// temperatures at which they shut down. A GPU's instances share its fate.
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

    private let library: NVMLLibrary
    /// The devices at each PCI address: a GPU and its instances.
    private let devices: [PCIAddress: [Device]]
    private let interval: Duration
    private let isStopped = Mutex(false)

    /// - Parameters:
    ///   - devices: the node's, after `ProbeReport.merging`.
    ///   - library: the library's name or path.
    ///   - interval: from one look to the next; critical errors are told at once.
    /// - Throws: why the library cannot be used.
    public init(
        _ devices: [Device], library: String = "libnvidia-ml.so.1", interval: Duration = .seconds(5)
    ) throws {
        self.library = try NVMLLibrary(path: library)
        self.interval = max(interval, .milliseconds(10))
        self.devices = Dictionary(
            grouping: devices.filter { $0.kind == "gpu" && !$0.isDeclared }.compactMap { device in
                device.pciAddress.flatMap { PCIAddress($0) }.map { ($0, device) }
            }, by: \.0
        ).mapValues { $0.map(\.1) }
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
        let places = (0..<library.count).map { index -> [String] in
            guard let gpu = try? library.describe(index), let address = PCIAddress(gpu) else { return [] }
            // A divided GPU is unusable for that, whatever its health.
            let given = devices[address, default: []].filter { $0.parent != nil || gpu.is_mig_on == 0 }
            for device in given where device.health != .healthy { judge.begin(device.name, device.health) }
            return given.map(\.name)
        }
        while !isStopped.withLock({ $0 }) {
            for (index, devices) in places.enumerated() {
                let problem = GPUEvidence(library, index).problem
                for device in devices {
                    if let health = judge.look(at: device, problem: problem) {
                        changes.yield(Change(device: device, health: health))
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
                    guard let health = judge.fail(device, evidence) else { continue }
                    changes.yield(Change(device: device, health: health))
                }
            }
        }
    }
}
