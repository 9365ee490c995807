import BerthDevices
import BerthModel
import Foundation

/// A library that speaks a vendor's interface, compiled for one test, and what it is told while it is used.
struct StandIn: ~Copyable {
    /// Whose interface it speaks, and the name of its source.
    enum Vendor: String, CaseIterable {
        case nvml
        case rocmSMI = "rocm_smi"
        case levelZero = "level_zero"
    }

    let vendor: Vendor
    let directory: String

    static let compiler = ["/usr/bin/cc", "/usr/bin/clang", "/usr/bin/gcc"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    struct CompilerFailed: Error {}

    init(_ vendor: Vendor, gpus: Int = 2, _ flags: String...) throws {
        self.vendor = vendor
        directory = NSTemporaryDirectory() + "/berth-driver-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let data = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Data")
        let process = Process()
        process.executableURL = URL(filePath: Self.compiler ?? "/usr/bin/cc")
        process.arguments =
            ["-shared", "-fPIC", "-w", "-DGPUS=\(gpus)", "-DSTATE=\"\(directory)/state\"", "-o", library]
            + [data.appending(path: "\(vendor.rawValue).c").path] + flags.map { "-D" + $0 }
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CompilerFailed() }
    }

    var library: String { directory + "/library.so" }
    var driver: GPUDriver { vendor.driver([library]) }
    /// The node's devices, as an agent knows them.
    var devices: [Device] { driver.report().merging(into: Inventory()).devices }

    /// From now on it is so with the first GPU: `ecc`, `busy`, `energy`, and what else the source says.
    func become(_ state: String) throws { try Data().write(to: URL(filePath: directory + "/state." + state)) }

    deinit { try? FileManager.default.removeItem(atPath: directory) }
}

extension StandIn.Vendor {
    func driver(_ libraries: [String]) -> GPUDriver {
        switch self {
        case .nvml: .nvidia(libraries: libraries)
        case .rocmSMI: .amd(libraries: libraries)
        case .levelZero: .intel(libraries: libraries)
        }
    }
}
