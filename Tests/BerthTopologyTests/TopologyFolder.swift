import BerthModel
import BerthTopology
import Foundation
import Testing

/// A folder of hwloc exports with a table of what is in them.
struct TopologyFolder: Sendable {
    let path: String
    let rows: [Row]

    /// One export and the facts that its table tells of it, by column.
    struct Row: Sendable, CustomTestStringConvertible {
        var file: String
        var facts: [String: String]

        var isReadable: Bool { facts["loads"] == "1" }
        var testDescription: String { file }

        /// nil where the table's number is none that 64 bits with a sign hold.
        func number(_ column: String) -> Int64? { facts[column].flatMap { Int64($0) } }
    }

    /// The exports beside this file: made for tests, and always there.
    static let own = TopologyFolder(here + "/Data")
    /// The large set: in `$BERTH_TEST_DATA/topologies`, or beside the package in `../shared/data/topologies`.
    static let shared = TopologyFolder(
        (ProcessInfo.processInfo.environment["BERTH_TEST_DATA"] ?? here + "/../../../shared/data") + "/topologies")

    private static let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path

    init(_ path: String) {
        self.path = path
        let table = (try? String(contentsOfFile: path + "/expected.tsv", encoding: .utf8)) ?? ""
        let lines = table.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
        let columns = lines.first ?? []
        rows = lines.dropFirst().map { Row(file: $0[0], facts: Dictionary(uniqueKeysWithValues: zip(columns, $0))) }
    }

    var isPresent: Bool { !rows.isEmpty }

    func bytes(of file: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + file)))
    }

    func inventory(of file: String) throws -> Inventory { try Topology(xml: bytes(of: file)).inventory() }
}

extension Inventory {
    /// What an agent's digest is made of.
    func encoded() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    static func decoded(_ text: String) throws -> Inventory {
        try JSONDecoder().decode(Inventory.self, from: Data(text.utf8))
    }
}
