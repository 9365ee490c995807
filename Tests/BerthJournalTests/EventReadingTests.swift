import BerthJournal
import BerthModel
import Foundation
import GRDB
import Testing

@Suite struct EventReadingTests {
    private func names(_ path: String, _ kinds: [String]) throws -> [String] {
        var names: [String] = []
        try Journal.events(ofKinds: kinds, path: path) { event, _ in names.append(event.name) }
        return names
    }

    @Test func `events of the kinds asked for come in order, while a controller has the journal open`() async throws {
        var site = try await Site()
        let job = try await site.submitted()
        try await site.record(.held(job: job, by: "ada"))
        site.wait(.seconds(5))
        try await site.record(.released(job: job, by: "ada"))
        #expect(try names(site.folder.database, ["released", "submitted"]) == ["submitted", "released"])
        var times: [Timestamp] = []
        try Journal.events(ofKinds: ["released"], path: site.folder.database) { times.append($1) }
        #expect(times == [site.now])
    }

    @Test func `what is no journal is refused and left alone`() throws {
        let folder = try TemporaryFolder()
        #expect(throws: JournalError.self) { try names(folder.database, ["submitted"]) }
        #expect(!FileManager.default.fileExists(atPath: folder.database))
        let letter = Data(String(repeating: "Dear Ada, this is no database. ", count: 100).utf8)
        try letter.write(to: URL(fileURLWithPath: folder.database))
        #expect(throws: JournalError.self) { try names(folder.database, ["submitted"]) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == letter)
        let other = try TemporaryFolder()
        try withDatabase(other.database) { try $0.execute(sql: "CREATE TABLE recipe (name TEXT)") }
        #expect(throws: JournalError.self) { try names(other.database, ["submitted"]) }
    }
}
