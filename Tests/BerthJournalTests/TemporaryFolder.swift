import Foundation

/// A folder for one test, removed with it.
///
/// Suites with many journals are serialized: each holds eight descriptors, and Foundation's `Process` may read behind its list
/// of them where that is long.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("berth-journal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Where a test's journal lies.
    var database: String { path + "/berth.sqlite" }
}
