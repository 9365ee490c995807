import CDeviceDrivers

/// NVIDIA's management library, opened once and closed when nobody holds it. Calls may block for as long as the driver
/// does, and may come from any thread (NVML is thread-safe); `nextXID` from one alone.
package final class NVMLLibrary: @unchecked Sendable {
    private let handle: OpaquePointer

    /// Why the library cannot be used.
    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    /// - Parameter path: a library's name, looked up as the dynamic linker does, or a path.
    package init(path: String = "libnvidia-ml.so.1") throws {
        var problem = [CChar](repeating: 0, count: 512)
        guard let opened = berth_nvml_open(path, &problem, problem.count) else {
            throw Problem(description: Self.text(problem))
        }
        handle = opened
    }

    deinit { berth_nvml_close(handle) }

    var count: Int { Int(berth_nvml_count(handle)) }

    var driverVersion: String? {
        var version = [CChar](repeating: 0, count: 96)
        berth_nvml_driver_version(handle, &version, version.count)
        let text = Self.text(version)
        return text.isEmpty ? nil : text
    }

    func describe(_ index: Int, instance: Int = -1) throws -> berth_gpu {
        var gpu = berth_gpu()
        try check(berth_nvml_describe(handle, Int32(index), Int32(instance), &gpu))
        return gpu
    }

    /// Where a link leads; nil for one that is down or not there.
    func linkPeer(_ index: Int, link: Int) -> PCIAddress? {
        var peer = berth_gpu()
        guard berth_nvml_link_peer(handle, Int32(index), Int32(link), &peer) == 0 else { return nil }
        return PCIAddress(peer)
    }

    func memoryUsed(_ index: Int, instance: Int = -1) -> UInt64? {
        answer { berth_nvml_memory_used(handle, Int32(index), Int32(instance), &$0) }
    }

    func energyMillijoules(_ index: Int) -> UInt64? {
        answer { berth_nvml_energy_millijoules(handle, Int32(index), &$0) }
    }

    /// Uncorrected memory errors since the driver was loaded; nil for a GPU without error correction.
    func uncorrectedErrors(_ index: Int) -> UInt64? {
        answer { berth_nvml_uncorrected_errors(handle, Int32(index), &$0) }
    }

    /// Degrees Celsius, now and where the GPU shuts itself down.
    func temperature(_ index: Int) -> (now: UInt32, shutdown: UInt32)? {
        var (now, shutdown): (UInt32, UInt32) = (0, 0)
        guard berth_nvml_temperature(handle, Int32(index), &now, &shutdown) == 0 else { return nil }
        return (now, shutdown)
    }

    /// Bytes by process that computes on a GPU, at most 1,024 of them; nil where the driver does not tell.
    func memoryByProcess(_ index: Int, instance: Int = -1) -> [Int32: UInt64]? {
        var found = [berth_gpu_process](repeating: berth_gpu_process(), count: 1024)
        let count = berth_nvml_processes(handle, Int32(index), Int32(instance), &found, UInt32(found.count))
        guard count >= 0 else { return nil }
        var bytes: [Int32: UInt64] = [:]
        for process in found[..<Int(count)] where process.memory_bytes <= Self.mostBytes {
            bytes[Int32(truncatingIfNeeded: process.process), default: 0] += process.memory_bytes
        }
        return bytes
    }

    /// Whether critical errors will be told by `nextXID`.
    func watchErrors() -> Bool { berth_nvml_watch(handle) == 0 }

    /// The next critical error; nil when none comes within the time.
    func nextXID(within milliseconds: UInt32) -> (index: Int, number: UInt64)? {
        var (index, number): (Int32, UInt64) = (0, 0)
        guard berth_nvml_next_xid(handle, milliseconds, &index, &number) == 0 else { return nil }
        return (Int(index), number)
    }

    /// No device has more; an answer above it is none.
    static let mostBytes: UInt64 = 1 << 48

    /// What a call answers through its argument.
    private func answer(_ call: (inout UInt64) -> Int32) -> UInt64? {
        var value: UInt64 = 0
        return call(&value) == 0 ? value : nil
    }

    private func check(_ code: Int32) throws {
        guard code != 0 else { return }
        var text = [CChar](repeating: 0, count: 256)
        berth_nvml_error(handle, code, &text, text.count)
        throw Problem(description: Self.text(text))
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension PCIAddress {
    /// nil for a place that no PCI function can have. What NVML gives is function 0 of it.
    init?(_ gpu: berth_gpu) {
        guard let bus = UInt8(exactly: gpu.pci_bus), gpu.pci_device < 32 else { return nil }
        self.init(domain: gpu.pci_domain, bus: bus, device: UInt8(gpu.pci_device))
    }
}

extension berth_gpu {
    var modelText: String? { withUnsafeBytes(of: name) { Self.text($0) } }
    var uuidText: String? { withUnsafeBytes(of: uuid) { Self.text($0) } }
    var bytes: Int64? { memory_bytes > 0 && memory_bytes <= NVMLLibrary.mostBytes ? Int64(memory_bytes) : nil }

    /// Printable text up to the first NUL; nil where there is none.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        let text = bytes.prefix { $0 != 0 }
        guard !text.isEmpty, text.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }
}
