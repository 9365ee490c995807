import BerthJournal
import BerthModel
import Foundation
import Testing

@Suite(.serialized) struct ProvenanceQueryTests {
    private func site() async throws -> Site {
        var site = try await Site()
        let first = try await site.submitted("make") { $0.environment = ["TOKEN": .secret(digest: "3f9c")] }
        let made = FileRecord(path: "data", sha256: "aa", bytes: 3)
        try await site.exited(try await site.running(first), outputs: [made])
        let second = try await site.submitted("use", user: "ben")
        try await site.exited(try await site.running(second, inputs: [made]), 1)
        return site
    }

    private func complaint(_ statement: String, in site: Site, timeLimit: Duration = .seconds(30)) -> String {
        do {
            let answer = try ProvenanceQuery(path: site.folder.database).answer(statement, timeLimit: timeLimit)
            return "answered \(answer)"
        } catch { return "\(error)" }
    }

    @Test func `questions are answered while the controller writes, and after it has gone`() async throws {
        var site = try await site()
        let query = ProvenanceQuery(path: site.folder.database)
        let answer = try query.answer("SELECT id, name, state, exit_code, user FROM v_job ORDER BY id")
        #expect(answer.columns == ["id", "name", "state", "exit_code", "user"])
        #expect(
            answer.rows == [
                [.integer(1), .text("make"), .text("succeeded"), .integer(0), .text("ada")],
                [.integer(2), .text("use"), .text("failed"), .integer(1), .text("ben")],
            ])
        #expect(!answer.isCut)
        _ = try await site.submitted()
        #expect(try query.answer("SELECT count(*) FROM v_job").rows == [[.integer(3)]])
        let (folder, cluster) = (site.folder, site.cluster)
        try site.journal.close(cluster)
        #expect(try ProvenanceQuery(path: folder.database).answer("SELECT count(*) FROM v_job").rows == [[.integer(3)]])
    }

    @Test func `what one job wrote and another read is an edge`() async throws {
        let site = try await site()
        let answer = try ProvenanceQuery(path: site.folder.database).answer("SELECT * FROM v_lineage_edge")
        #expect(answer.rows == [[.integer(1), .integer(2), .text("aa")]])
    }

    @Test(arguments: [
        "v_job", "v_attempt", "v_input", "v_output", "v_lineage_edge", "v_device_use", "v_decision", "v_metric",
        "v_node",
        "v_event",
    ])
    func `every documented view can be asked`(view: String) async throws {
        let site = try await site()
        let answer = try ProvenanceQuery(path: site.folder.database).answer("SELECT * FROM \(view)")
        #expect(answer.columns.count > 2)
    }

    @Test(arguments: [
        "INSERT INTO label VALUES (1, 'a', 'b')", "UPDATE job SET user = 'eve'", "DELETE FROM job", "DROP TABLE job",
        "CREATE TABLE mine (a)", "CREATE TEMP TABLE mine (a)", "ATTACH DATABASE '/tmp/berth-no-such' AS other",
        "DETACH DATABASE main", "PRAGMA query_only = OFF", "PRAGMA user_version = 5", "PRAGMA table_info(job)",
        "PRAGMA journal_mode = DELETE", "VACUUM", "VACUUM INTO '/tmp/berth-no-such'", "REINDEX", "ANALYZE", "BEGIN",
        "COMMIT", "SAVEPOINT a", "SELECT load_extension('/tmp/berth-no-such')",
        "WITH a AS (SELECT 1) DELETE FROM job", "SELECT 1; DELETE FROM job", "SELECT 1; SELECT 2", "", ";", "nonsense",
        "INSERT INTO label VALUES (1, 'a', 'b') RETURNING key", "SELECT * FROM pragma_table_info('job')",
        "SELECT writefile('/tmp/berth-no-such', 'x')", "SELECT * FROM no_such_table", "SELECT data FROM sqlite_dbpage",
    ])
    func `whatever is not one statement that reads is refused`(statement: String) async throws {
        let site = try await site()
        let complaint = complaint(statement, in: site)
        #expect(!complaint.hasPrefix("answered"))
        #expect(complaint.hasSuffix("."))
        try site.expectsNoFault()
        #expect(try site.jobs { $0.user = "ada" } == [1])
        #expect(!FileManager.default.fileExists(atPath: "/tmp/berth-no-such"))
    }

    @Test func `a comment or a semicolon at the end does no harm`() async throws {
        let site = try await site()
        let query = ProvenanceQuery(path: site.folder.database)
        #expect(throws: Never.self) { try query.answer("SELECT 1;") }
        #expect(throws: Never.self) { try query.answer("-- how many\nSELECT count(*) FROM v_job") }
    }

    @Test(arguments: [0, 1, 7, -1])
    func `an answer ends at its limit and says so`(limit: Int) async throws {
        let site = try await site()
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        let answer = try ProvenanceQuery(path: site.folder.database).answer(numbers, rowLimit: limit)
        #expect(answer.rows.count == max(0, limit))
        #expect(answer.isCut)
    }

    @Test func `an answer of exactly as many rows as asked for is not cut`() async throws {
        let site = try await site()
        let answer = try ProvenanceQuery(path: site.folder.database).answer("SELECT id FROM v_job", rowLimit: 2)
        #expect(answer.rows.count == 2)
        #expect(!answer.isCut)
    }

    @Test func `an answer as large as memory is cut`() async throws {
        let site = try await site()
        let large =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT hex(zeroblob(8000000)) FROM n"
        let answer = try ProvenanceQuery(path: site.folder.database).answer(large)
        #expect(answer.isCut)
        #expect(answer.rows.count < 10)
        #expect(complaint("SELECT hex(zeroblob(500000000))", in: site) == "string or blob too big.")
    }

    @Test func `a question without end is ended`() async throws {
        let site = try await site()
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        #expect(complaint(endless, in: site, timeLimit: .milliseconds(50)).hasPrefix("The query took longer than"))
        #expect(complaint("SELECT 1", in: site).hasPrefix("answered"))
    }

    @Test(arguments: [
        "SELECT secret_digest FROM variable WHERE name = 'TOKEN'",
        "SELECT max(secret_digest) FROM variable",
        "SELECT group_concat(secret_digest) FROM variable",
        "WITH v AS (SELECT secret_digest AS d FROM variable) SELECT d FROM v",
        "SELECT (SELECT 1 FROM variable WHERE secret_digest = '3f9c')",
        "SELECT (SELECT 1 FROM variable WHERE secret_digest GLOB '3*')",
    ])
    func `digests of secrets are not shown, nor can they be guessed`(statement: String) async throws {
        let site = try await site()
        #expect(try ProvenanceQuery(path: site.folder.database).answer(statement).rows == [[.null]])
    }

    @Test func `the whole cluster as Berth keeps it for itself is not shown`() async throws {
        let site = try await site()
        let (folder, cluster) = (site.folder, site.cluster)
        try site.journal.close(cluster)
        let answer = try ProvenanceQuery(path: folder.database).answer("SELECT seq, body FROM snapshot")
        #expect(answer.rows == [[.integer(Int64(site.journal.lastSequence)), .null]])
    }

    @Test func `values come back as what they are`() async throws {
        let site = try await site()
        let answer = try ProvenanceQuery(path: site.folder.database).answer(
            "SELECT NULL, 9223372036854775807, 0.5, 'a''b', x'00ff'")
        #expect(answer.rows == [[.null, .integer(.max), .real(0.5), .text("a'b"), .blob("00ff")]])
        let encoded = try JSONEncoder().encode(answer)
        let decoded = try JSONDecoder().decode(ProvenanceQuery.Answer.self, from: encoded)
        #expect(decoded.rows[0].map(\.text) == ["", "9223372036854775807", "0.5", "a'b", "00ff"])
    }

    @Test func `where there is no journal a question says so and makes none`() throws {
        let folder = try TemporaryFolder()
        #expect(throws: JournalError.self) { try ProvenanceQuery(path: folder.database).answer("SELECT 1") }
        #expect(!FileManager.default.fileExists(atPath: folder.database))
    }
}
