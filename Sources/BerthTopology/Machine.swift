public import BerthModel
import Glibc

/// This machine: its inventory with its memory and processor put right, and what runs on it.
public enum Machine {
    /// Reads everything once.
    public static func read() throws(TopologyError) -> (inventory: Inventory, xml: [UInt8], stack: MachineStack) {
        let topology = try Topology.system()
        var inventory = topology.inventory(memory: SystemMemory.read())
        let processor = ProcessorInfo(lines("/proc/cpuinfo"))
        inventory.cpuModel = inventory.cpuModel ?? processor.model
        inventory.instructionSets = processor.instructionSets
        inventory.architecture = inventory.architecture ?? uname().architecture
        return (inventory, TopologyExport.anonymous(topology.xml()), stack())
    }

    /// A machine that is only described: of what runs on it nothing is known.
    public static func described(by topology: borrowing Topology) -> (
        inventory: Inventory, xml: [UInt8], stack: MachineStack
    ) {
        (topology.inventory(), TopologyExport.anonymous(topology.xml()), MachineStack())
    }

    static func stack() -> MachineStack {
        let system = uname()
        var drivers: [String: String] = [:]
        if let nvidia = lines("/proc/driver/nvidia/version").first?.split(separator: " ").first(where: {
            $0.first?.isNumber == true && $0.contains(".")
        }) {
            drivers["nvidia"] = String(nvidia)
        }
        if let amd = lines("/sys/module/amdgpu/version").first { drivers["amdgpu"] = amd }
        let name = lines("/etc/os-release").first { $0.hasPrefix("PRETTY_NAME=") }
        return MachineStack(
            hostName: system.host, operatingSystem: name.map { String($0.dropFirst(12).filter { $0 != "\"" }) },
            kernelRelease: system.release, architecture: system.architecture,
            bootID: lines("/proc/sys/kernel/random/boot_id").first, drivers: drivers,
            hwlocVersion: Topology.hwlocVersion, firmwareVersion: lines("/sys/class/dmi/id/bios_version").first)
    }

    private static func lines(_ path: String) -> [String] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = fread(&part, 1, part.count, file), count > 0, bytes.count < 1 << 20 {
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { String($0).trimmed }
    }

    private static func uname() -> (host: String, release: String, architecture: String) {
        var names = utsname()
        Glibc.uname(&names)
        func text<Field>(_ field: Field) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return (text(names.nodename), text(names.release), text(names.machine))
    }

    /// This machine's name on the network.
    public static var hostName: String { uname().host }
}

/// What `/proc/cpuinfo` says of the processor.
struct ProcessorInfo {
    var model: String?
    /// Extensions that a program may be compiled for, sorted; the many flags that only kernels care for are left out.
    var instructionSets: [String] = []

    init(_ lines: [String]) {
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1).map { String($0).trimmed }
            guard parts.count == 2 else { continue }
            if parts[0] == "model name" || parts[0] == "cpu" || parts[0] == "Processor" { model = model ?? parts[1] }
            if parts[0] == "flags" || parts[0] == "Features", instructionSets.isEmpty {
                instructionSets = parts[1].split(separator: " ").map(String.init).filter(Self.isOfInterest).sorted()
            }
        }
    }

    private static func isOfInterest(_ flag: String) -> Bool {
        let prefixes = [
            "avx", "sse", "amx", "sve", "sme", "bmi", "fma", "f16c", "neon", "asimd", "aes", "sha", "popcnt", "atomics",
            "vnni",
        ]
        return prefixes.contains { flag.hasPrefix($0) }
    }
}

/// A topology's XML as it is kept with the records.
enum TopologyExport {
    /// Without serial numbers, addresses and names of hosts: equal machines then share one file, and it tells nobody
    /// which machine it was.
    static func anonymous(_ xml: [UInt8]) -> [UInt8] {
        let names = [
            "Serial", "UUID", "AssetTag", "XGMIHiveID", "Address", "HostName", "NodeGUID", "SysImageGUID", "GUID",
            "LID", "GID", "ProcessName",
            "OSVersion", "OSRelease", "LinuxCgroup",
        ]
        let lines = String(decoding: xml, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return Array(
            lines.filter { line in
                guard let start = line.firstRange(of: "<info name=\""), line.hasSuffix("/>") else { return true }
                let name = line[start.upperBound...].prefix { $0 != "\"" }
                return !names.contains { name.contains($0) }
            }.joined(separator: "\n").utf8)
    }
}
