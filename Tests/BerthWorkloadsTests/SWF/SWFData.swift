import BerthWorkloads
import Foundation

/// Published logs, where they are at hand.
enum SWFData {
    static let kth = "KTH-SP2-1996-2.swf.gz"
    static let lublin = "lublin_256.swf.gz"

    private static var folder: String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let shared = ProcessInfo.processInfo.environment["BERTH_TEST_DATA"] ?? root.path + "/../shared/data"
        return shared + "/swf-hpc/"
    }

    static var isPresent: Bool { FileManager.default.fileExists(atPath: folder + kth) }

    static func log(_ name: String) throws -> SWFLog {
        let unzip = Process()
        let output = Pipe()
        unzip.executableURL = URL(filePath: "/usr/bin/gzip")
        unzip.arguments = ["-dc", folder + name]
        unzip.standardOutput = output
        try unzip.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        unzip.waitUntilExit()
        return try SWFLog(String(decoding: bytes, as: UTF8.self))
    }
}
