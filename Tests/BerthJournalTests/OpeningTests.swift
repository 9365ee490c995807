import BerthJournal
import BerthModel
import Foundation
import GRDB
import Testing

@Suite struct OpeningTests {
    private func refusal(_ path: String) -> String {
        do {
            _ = try Journal(path: path)
            return "opened"
        } catch { return "\(error)" }
    }

    @Test func `a second controller is refused and told who has the journal`() async throws {
        let site = try await Site()
        #expect(
            refusal(site.folder.database)
                == "Another controller (process \(getpid())) has this state directory open. Stop it first (berth down)."
        )
        #expect(site.journal.lastSequence == 2)
    }

    @Test func `what one controller has left another opens`() async throws {
        let folder = try TemporaryFolder()
        for _ in 0..<3 {
            let journal = try Journal(path: folder.database)
            try await journal.append([.configured(ClusterConfiguration())], at: .epoch)
        }
        #expect(try Journal(path: folder.database).lastSequence == 3)
    }

    @Test func `a new journal is empty`() throws {
        let folder = try TemporaryFolder()
        let journal = try Journal(path: folder.database)
        #expect(journal.lastSequence == 0)
        #expect(try journal.replay().cluster == Cluster())
        let verification = try journal.verify()
        #expect(verification.faults == [])
        #expect(verification.events == 0)
    }

    @Test func `another program's database is refused and left alone`() throws {
        let folder = try TemporaryFolder()
        try withDatabase(folder.database) { try $0.execute(sql: "CREATE TABLE recipe (name TEXT)") }
        #expect(refusal(folder.database) == "The database is another program's. Name another state directory.")
        let tables = try withDatabase(folder.database) {
            try String.fetchAll($0, sql: "SELECT name FROM sqlite_master")
        }
        #expect(tables == ["recipe"])
    }

    @Test func `a newer Berth's journal is refused`() throws {
        let folder = try TemporaryFolder()
        _ = try Journal(path: folder.database)
        try withDatabase(folder.database) { try $0.execute(sql: "PRAGMA user_version = 99") }
        #expect(refusal(folder.database).contains("newer Berth (schema 99; this one knows 3). Install that version."))
    }

    @Test func `a file that is no database is refused and left alone`() throws {
        let folder = try TemporaryFolder()
        let letter = Data(String(repeating: "Dear Ada, this is no database. ", count: 100).utf8)
        try letter.write(to: URL(fileURLWithPath: folder.database))
        #expect(refusal(folder.database).hasSuffix("is no database of Berth's. Name another state directory."))
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == letter)
    }

    @Test func `a journal that was left is whole in its one file`() async throws {
        var site = try await Site()
        _ = try await site.submitted()
        let (folder, cluster) = (site.folder, site.cluster)
        try site.journal.close(cluster)
        let copy = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: folder.database, toPath: copy.database)

        #expect(try Journal(path: copy.database).replay().cluster == cluster)
    }

    @Test func `a damaged journal is refused`() async throws {
        var site = try await Site()
        for _ in 0..<40 { _ = try await site.submitted() }
        let folder = site.folder
        try site.journal.close(site.cluster)
        let copy = try TemporaryFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        try whole.prefix(whole.count / 3).write(to: URL(fileURLWithPath: copy.database))

        #expect(refusal(copy.database).contains("is damaged"))
    }

    @Test func `a check of a damaged journal says so`() async throws {
        var site = try await Site()
        for _ in 0..<40 { _ = try await site.submitted() }
        let folder = site.folder
        try site.journal.close(site.cluster)
        let copy = try TemporaryFolder()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        for place in stride(from: 8192 * 2, to: bytes.count, by: 97) { bytes[place] ^= 0x5A }
        try bytes.write(to: URL(fileURLWithPath: copy.database))

        let complaint: String
        do { complaint = try Journal.verify(path: copy.database).faults.joined() } catch { complaint = "\(error)" }
        #expect(complaint.contains("damaged"))
    }

    @Test func `a place where no file can be is refused`() throws {
        let folder = try TemporaryFolder()
        #expect(refusal(folder.path + "/nowhere/berth.sqlite").contains("cannot be made: No such file or directory."))
    }
}
