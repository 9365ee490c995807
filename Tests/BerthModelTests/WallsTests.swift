import Foundation
import Testing

/// The core decides and touches nothing outside, a keeper is small, and how attempts run needs no network: these rooms
/// may import only what is listed.
@Suite struct WallsTests {
    /// Functions and containers that are values like Swift's own.
    private static let mathematics: Set<String> = ["RealModule", "HeapModule", "DequeModule"]
    private static let permitted: [String: Set<String>] = [
        "BerthModel": mathematics, "BerthPlanner": mathematics.union(["BerthModel"]),
        "BerthScheduling": mathematics.union(["BerthModel", "BerthPlanner"]),
        "BerthSimulation": ["BerthModel", "BerthPlanner", "BerthScheduling"],
        "BerthWorkloads": mathematics.union([
            "BerthModel", "BerthPlanner", "BerthScheduling", "FoundationEssentials",
        ]),
        "BerthKeeping": ["CLinux", "Glibc"], "berth-keeper": ["BerthKeeping", "CLinux", "Glibc"],
        "BerthExecution": system.union(["BerthModel", "BerthKeeping", "CLinux", "Crypto"]),
        "BerthDevices": system.union(["BerthModel", "CDeviceDrivers", "Dispatch"]),
    ]
    private static let system: Set<String> = ["Foundation", "Glibc", "Synchronization"]

    private let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    @Test(arguments: permitted.keys.sorted())
    func `a room imports nothing but what is below it`(room: String) throws {
        let folder = sources.appending(path: room)
        let files = try swiftFiles(in: folder)
        if room != "BerthSimulation" { try #require(!files.isEmpty, "\(folder.path()) is there") }
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            let strangers = Self.imports(in: text).subtracting(Self.permitted[room, default: []])
            #expect(strangers.isEmpty, "\(file.lastPathComponent) imports \(strangers.sorted())")
        }
    }

    @Test func `an import is seen in whatever way it is written`() {
        let text = """
            import Foundation
            public import BerthModel  // why
            @preconcurrency import Dispatch
                internal import struct Glibc.timespec
            #if canImport(Musl)
            import Musl; import CLinux
            #endif
            // import Nothing
            let text = "important"
            """
        let seen: Set = ["Foundation", "BerthModel", "Dispatch", "Glibc", "Musl", "CLinux"]
        #expect(Self.imports(in: text) == seen)
    }

    private func swiftFiles(in folder: URL) throws -> [URL] {
        guard FileManager.default.fileExists(atPath: folder.path()) else { return [] }
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path()).filter { $0.hasSuffix(".swift") }
            .sorted().map { folder.appending(path: $0) }
    }

    /// The modules that a file imports.
    private static func imports(in text: String) -> Set<String> {
        let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        var modules: Set<String> = []
        for statement in text.split(whereSeparator: { $0 == ";" || $0.isNewline }) {
            let words = statement.split(separator: " ").map(String.init)
            guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
                words[..<place].allSatisfy({
                    $0.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains($0)
                })
            else { continue }
            let name = words[(place + 1)...].first { !kinds.contains($0) } ?? ""
            modules.insert(String(name.prefix { $0 != "." }))
        }
        return modules
    }
}
