import Foundation

/// A folder of the shared data: beside the project, or where `BERTH_TEST_DATA` says.
struct PublishedRecords {
    private let folder: URL

    init(_ name: String) {
        let project = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        let data = ProcessInfo.processInfo.environment["BERTH_TEST_DATA"].map { URL(fileURLWithPath: $0) }
        folder = (data ?? project.deletingLastPathComponent().appending(path: "shared/data")).appending(path: name)
    }

    var areAtHand: Bool { FileManager.default.fileExists(atPath: folder.path) }

    /// The content of a `.gz` file.
    func unzipped(_ name: String) throws -> [UInt8] {
        let unzip = Process()
        let output = Pipe()
        unzip.executableURL = URL(fileURLWithPath: "/usr/bin/gzip")
        unzip.arguments = ["-dc", folder.appending(path: name).path]
        unzip.standardOutput = output
        try unzip.run()
        let content = output.fileHandleForReading.readDataToEndOfFile()
        unzip.waitUntilExit()
        return Array(content)
    }
}
