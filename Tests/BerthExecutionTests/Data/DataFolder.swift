import Foundation

/// A folder of a test's own, gone with it.
final class DataFolder: Sendable {
    let path = NSTemporaryDirectory() + "/berth-data-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, with the directories it lies in; its times are those of long ago.
    @discardableResult
    func write(_ text: String, to name: String, secondsAgo: Double = 3600) throws -> String {
        try write(Array(text.utf8), to: name, secondsAgo: secondsAgo)
    }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String, secondsAgo: Double = 3600) throws -> String {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -secondsAgo)], ofItemAtPath: file)
        return file
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }
}
