import Foundation

/// A library that speaks NVML's interface, compiled for one test, and what it is told while it is used.
struct StandIn: ~Copyable {
    let directory: String
    var library: String { directory + "/libnvidia-ml.so.1" }

    static let compiler = ["/usr/bin/cc", "/usr/bin/clang", "/usr/bin/gcc"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    struct CompilerFailed: Error {}

    init(gpus: Int, _ flags: String...) throws {
        directory = NSTemporaryDirectory() + "/berth-nvml-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Data/nvml.c").path
        let process = Process()
        process.executableURL = URL(filePath: Self.compiler ?? "/usr/bin/cc")
        process.arguments =
            ["-shared", "-fPIC", "-w", "-DGPUS=\(gpus)", "-DSTATE=\"\(directory)/state\"", "-o", library, source]
            + flags.map { "-D" + $0 }
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CompilerFailed() }
    }

    /// From now on the first GPU is so: `ecc`, `xid`, `fault`, `busy`, `energy`.
    func become(_ state: String) throws { try Data().write(to: URL(filePath: directory + "/state." + state)) }

    deinit { try? FileManager.default.removeItem(atPath: directory) }
}
