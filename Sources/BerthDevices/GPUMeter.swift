public import BerthModel
import CDeviceDrivers
import Foundation
import Synchronization

/// Measures memory and energy of attempts on GPUs, by looking at them several times a second.
///
/// Of a GPU that an attempt has for itself, all processes' memory counts; of a share, that of the attempt's own processes.
/// Memory that is held for less than the interval between two looks may be missed. Energy is that of whole GPUs: a
/// share's is not known.
public final class GPUMeter: AcceleratorMeter {
    private let devices: [String: Device]
    private let places: [String: Place]
    private let interval: Duration
    private let live = Mutex<[AttemptID: Measurement]>([:])
    private let isStopped = Mutex(false)

    /// Where a driver has a device.
    private struct Place {
        var library: DriverLibrary
        var index: Int
        /// -1 for a whole GPU.
        var instance: Int
    }

    private struct Measurement {
        var shares: [Allocation.DeviceShare]
        var processes: @Sendable () -> Set<Int32>
        var peakBytes: UInt64?
        /// Millijoules of each whole GPU at the begin.
        var energy: [String: UInt64]
        var notes: [String: String] = [:]
    }

    /// Nil where no driver tells of any of the devices.
    ///
    /// - Parameters:
    ///   - devices: the node's, after `ProbeReport.merging`.
    ///   - drivers: those that are asked, `GPUDriver.telling(of:)`.
    public init?(_ devices: [Device], drivers: [GPUDriver], interval: Duration = .milliseconds(500)) {
        self.interval = max(interval, .milliseconds(1))
        self.devices = Dictionary(devices.map { ($0.name, $0) }) { first, _ in first }
        places = Self.places(of: devices.filter { $0.kind == "gpu" && !$0.isDeclared }, drivers)
        guard !places.isEmpty else { return nil }
    }

    /// Whole GPUs by address, since not all have a UUID; instances by UUID.
    private static func places(of devices: [Device], _ drivers: [GPUDriver]) -> [String: Place] {
        let byAddress = Dictionary(
            devices.filter { $0.parent == nil }.compactMap { device in
                device.pciAddress.flatMap { PCIAddress($0) }.map { ($0, device.name) }
            }
        ) { first, _ in first }
        let byUUID = Dictionary(
            devices.filter { $0.parent != nil }.compactMap { device in device.uuid.map { ($0, device.name) } }
        ) { first, _ in first }
        var places: [String: Place] = [:]
        for library in drivers.compactMap({ try? DriverLibrary.open($0) }) {
            for index in 0..<library.count {
                guard let gpu = try? library.describe(index) else { continue }
                if let name = PCIAddress(gpu.pci).flatMap({ byAddress[$0] }), places[name] == nil {
                    places[name] = Place(library: library, index: index, instance: -1)
                }
                for instance in 0..<Int(gpu.mig_room) {
                    guard let uuid = (try? library.describe(index, instance: instance))?.uuidText,
                        let name = byUUID[uuid]
                    else { continue }
                    places[name] = Place(library: library, index: index, instance: instance)
                }
            }
        }
        return places
    }

    /// Looks at the GPUs, on a thread of its own, until `stop`.
    public func start() {
        Thread.detachNewThread { [self] in
            while !isStopped.withLock({ $0 }) {
                for attempt in live.withLock({ $0.keys.sorted() }) { look(at: attempt) }
                Thread.sleep(forTimeInterval: interval / .seconds(1))
            }
        }
    }

    public func stop() { isStopped.withLock { $0 = true } }

    public func begin(
        _ attempt: AttemptID, _ shares: [Allocation.DeviceShare], processes: @escaping @Sendable () -> Set<Int32>
    ) {
        let known = shares.filter { places[$0.name] != nil }
        guard !known.isEmpty else { return }
        var energy: [String: UInt64] = [:]
        for share in known where isWhole(share) {
            if let place = places[share.name], place.instance < 0 {
                energy[share.name] = place.library.energyMillijoules(place.index)
            }
        }
        live.withLock { $0[attempt] = Measurement(shares: known, processes: processes, energy: energy) }
    }

    public func end(_ attempt: AttemptID) -> AcceleratorUse? {
        guard let measurement = live.withLock({ $0.removeValue(forKey: attempt) }) else { return nil }
        // A counter that went back was set anew by the driver; what it counted before is lost.
        let millijoules = measurement.energy.compactMap { name, begin -> UInt64? in
            guard let place = places[name], let now = place.library.energyMillijoules(place.index), now >= begin else {
                return nil
            }
            return now - begin
        }
        guard measurement.peakBytes != nil || !millijoules.isEmpty else { return nil }
        return AcceleratorUse(
            peakMemoryBytes: measurement.peakBytes.map { Int64(clamping: $0) },
            energyJoules: millijoules.isEmpty ? nil : Double(millijoules.reduce(0, &+)) / 1000,
            notes: measurement.notes.sorted { $0.key < $1.key }.map(\.value))
    }

    /// Looks at one attempt's GPUs now. The driver is asked while nothing is locked: it may block.
    package func look(at attempt: AttemptID) {
        guard let measurement = live.withLock({ $0[attempt] }) else { return }
        let own = measurement.shares.contains { !isWhole($0) } ? measurement.processes() : []
        var sum: UInt64?
        var notes: [String: String] = [:]
        for share in measurement.shares {
            guard let place = places[share.name],
                let memory = place.library.memoryByProcess(place.index, instance: place.instance)
            else { continue }
            let used = memory.reduce(UInt64(0)) { isWhole(share) || own.contains($1.key) ? $0 + $1.value : $0 }
            sum = (sum ?? 0) + used
            if let most = memoryBytes(of: share), used > UInt64(most), !isWhole(share) {
                notes[share.name] =
                    "It held \(used) bytes of \(share.name)'s memory; its share of \(share.thousandths) thousandths is "
                    + "\(most) bytes. Ask for a larger share, or keep to BERTH_GPU_MEMORY_BYTES."
            }
        }
        guard let sum else { return }
        live.withLock { live in
            guard let peak = live[attempt]?.peakBytes ?? Optional(0), live[attempt] != nil else { return }
            live[attempt]?.peakBytes = max(peak, sum)
            live[attempt]?.notes.merge(notes) { first, _ in first }
        }
    }

    private func isWhole(_ share: Allocation.DeviceShare) -> Bool { share.thousandths >= GPURequest.whole }

    private func memoryBytes(of share: Allocation.DeviceShare) -> Int64? { devices[share.name]?.memoryBytes(of: share) }
}
