import CDeviceDrivers

/// A driver's library, opened once and closed when nobody holds it. Calls may block for as long as the driver does, and may
/// come from any thread; `nextXID` from one alone.
final class DriverLibrary: @unchecked Sendable {
    private let handle: OpaquePointer

    /// Why the library cannot be used.
    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    private init(_ handle: OpaquePointer) { self.handle = handle }

    /// The first of a driver's libraries that is there; nil where none is.
    static func open(_ driver: GPUDriver) throws(Problem) -> DriverLibrary? {
        for library in driver.libraries {
            var problem = berth_driver_problem()
            if let handle = driver.open(library, &problem) { return DriverLibrary(handle) }
            guard problem.is_absent == 0 else { continue }
            throw Problem(description: withUnsafeBytes(of: problem.text) { Self.text($0) } ?? "it cannot be opened")
        }
        return nil
    }

    deinit { berth_driver_close(handle) }

    var count: Int { Int(berth_driver_count(handle)) }

    var driverVersion: String? { text(of: 96) { berth_driver_version(handle, $0, $1) } }

    func describe(_ index: Int, instance: Int = -1) throws(Problem) -> berth_gpu {
        var gpu = berth_gpu()
        let code = berth_driver_describe(handle, Int32(index), Int32(instance), &gpu)
        guard code == 0 else {
            throw Problem(
                description: text(of: 256) { berth_driver_error(handle, code, $0, $1) } ?? "error \(code)")
        }
        return gpu
    }

    /// Where a GPU's links lead, once for each.
    func peers(_ index: Int) -> [PCIAddress] {
        var peers = [berth_pci_place](repeating: berth_pci_place(), count: 64)
        let count = berth_driver_peers(handle, Int32(index), &peers, UInt32(peers.count))
        return peers.prefix(max(0, Int(count))).compactMap { PCIAddress($0) }
    }

    /// nil for a GPU without a counter.
    func energyMillijoules(_ index: Int) -> UInt64? {
        var energy: UInt64 = 0
        return berth_driver_energy_millijoules(handle, Int32(index), &energy) == 0 ? energy : nil
    }

    func evidence(_ index: Int) -> GPUEvidence {
        var health = berth_gpu_health()
        berth_driver_health(handle, Int32(index), &health)
        return GPUEvidence(
            uncorrectedErrors: health.uncorrected_errors == .max ? nil : health.uncorrected_errors,
            temperature: health.shutdown_temperature == 0
                ? nil : .init(now: health.temperature, shutdown: health.shutdown_temperature),
            fault: health.fault.map { String(cString: $0) })
    }

    /// Bytes by process that computes on a GPU, at most 1,024 of them; nil where the driver does not tell.
    func memoryByProcess(_ index: Int, instance: Int = -1) -> [Int32: UInt64]? {
        var found = [berth_gpu_process](repeating: berth_gpu_process(), count: 1024)
        let count = berth_driver_processes(handle, Int32(index), Int32(instance), &found, UInt32(found.count))
        guard count >= 0 else { return nil }
        var bytes: [Int32: UInt64] = [:]
        for process in found[..<Int(count)] where process.memory_bytes <= Self.mostBytes {
            bytes[Int32(truncatingIfNeeded: process.process), default: 0] += process.memory_bytes
        }
        return bytes
    }

    /// Whether critical errors will be told by `nextXID`.
    func watchErrors() -> Bool { berth_driver_watch(handle) == 0 }

    /// The next critical error; nil when none comes within the time.
    func nextXID(within milliseconds: UInt32) -> (index: Int, number: UInt64)? {
        var (index, number): (Int32, UInt64) = (0, 0)
        guard berth_driver_next_error(handle, milliseconds, &index, &number) == 0 else { return nil }
        return (Int(index), number)
    }

    /// No device has more; an answer above it is none.
    static let mostBytes: UInt64 = 1 << 48

    /// Printable text up to the first NUL; nil where there is none.
    static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        let text = bytes.prefix { $0 != 0 }
        guard !text.isEmpty, text.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    /// What a call writes into a buffer.
    private func text(of size: Int, _ call: (UnsafeMutablePointer<CChar>?, Int) -> Void) -> String? {
        var buffer = [CChar](repeating: 0, count: size)
        buffer.withUnsafeMutableBufferPointer { call($0.baseAddress, $0.count) }
        return buffer.withUnsafeBytes { Self.text($0) }
    }
}

extension PCIAddress {
    /// nil for a place that no PCI function can have.
    init?(_ place: berth_pci_place) {
        guard let bus = UInt8(exactly: place.bus), place.device < 32, place.function < 8 else { return nil }
        self.init(domain: place.domain, bus: bus, device: UInt8(place.device), function: UInt8(place.function))
    }
}

extension berth_gpu {
    var modelText: String? { withUnsafeBytes(of: name) { DriverLibrary.text($0) } }
    var uuidText: String? { withUnsafeBytes(of: uuid) { DriverLibrary.text($0) } }
    var bytes: Int64? { memory_bytes > 0 && memory_bytes <= DriverLibrary.mostBytes ? Int64(memory_bytes) : nil }
}
