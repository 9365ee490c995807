import BerthTopology
import Foundation
import Testing

@Suite(.timeLimit(.minutes(20)))
struct PluginTests {
    /// What of hwloc's plugins is mapped into this process: addresses and files; empty where hwloc was built without them.
    private func mappedPlugins() throws -> [Substring] {
        // A file handle reads to the end; `String(contentsOfFile:)` reads no more than one page of such a file.
        let maps = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/maps")).readToEnd() ?? Data()
        return String(decoding: maps, as: UTF8.self).split(separator: "\n").filter { $0.contains("/hwloc_") }
    }

    @Test func `hwloc's plugins stay where they are when the last topology is freed`() throws {
        func whileInUse() throws -> [Substring] {
            let topology = try Topology(xml: Export().bytes)
            defer { withExtendedLifetime(topology) {} }
            return try mappedPlugins()
        }
        let inUse = try whileInUse()
        #expect(try mappedPlugins() == inUse)
    }
}
