import BerthJournal
import BerthModel
import Foundation
import GRDB
import Testing

/// What somebody with the file in hand may do to it, and that a check of the journal finds it.
@Suite(.serialized) struct TamperingTests {
    /// Two users' jobs with a bit of everything, left as a controller leaves it.
    private func leftJournal() async throws -> TemporaryFolder {
        var site = try await Site(nodes: 2)
        let first = try await site.submitted("train") { specification in
            specification.labels = ["team": "light"]
            specification.environment = ["LEVEL": .plain("3"), "TOKEN": .secret(digest: "d1")]
        }
        let attempt = try await site.running(first, inputs: [FileRecord(path: "in", sha256: "aa", bytes: 3)])
        try await site.record(.reported(attempt: attempt, Report(time: site.now, progress: 0.5, metrics: ["loss": 2])))
        try await site.exited(attempt, outputs: [FileRecord(path: "out", sha256: "bb", bytes: 4)])
        let array = try await site.submitted("sweep", tasks: 4, user: "ben") { specification in
            specification.dependencies = [Dependency(job: first)]
        }
        let task = try await site.started(array, 1, qsim: 1)
        try await site.exited(task, 1)
        try await site.cancelled(array, IndexRanges([0, 2, 3]))
        try await site.record(.nodeDrained("n2", Node.Drain(reason: "a fan", by: "op")))
        try site.expectsNoFault()
        return site.folder
    }

    private func faults(after sql: String, _ arguments: StatementArguments = []) async throws -> [String] {
        let folder = try await leftJournal()
        #expect(try Journal.verify(path: folder.database).faults == [])
        try tamper(folder.database, sql, arguments)
        return try Journal.verify(path: folder.database).faults
    }

    @Test func `an untouched journal has no fault, and its head stays the same`() async throws {
        let folder = try await leftJournal()
        let first = try Journal.verify(path: folder.database)
        let second = try Journal.verify(path: folder.database)
        #expect(first.faults == [])
        #expect(first.events == 13)
        #expect(first.head == second.head)
        #expect(first.head.count == 64)
    }

    @Test(arguments: [
        "UPDATE event SET body = replace(body, 'train', 'brain') WHERE seq = 4",
        "UPDATE event SET body = body || ' ' WHERE seq = 2",
        "UPDATE event SET time_us = time_us + 1 WHERE seq = 5",
        "UPDATE event SET hash = zeroblob(32) WHERE seq = 3",
        "UPDATE event SET hash = zeroblob(32) WHERE seq = 13",
        "UPDATE event SET leaf = zeroblob(32) WHERE seq = 6",
        "UPDATE event SET seq = 14 WHERE seq = 13",
        "UPDATE event SET kind = 'held' WHERE seq = 4",
        "UPDATE event SET job_id = 2 WHERE seq = 5",
        "UPDATE event SET job_id = NULL WHERE seq = 5",
    ])
    func `a changed event is found`(change: String) async throws {
        #expect(try await faults(after: change).isEmpty == false)
    }

    @Test func `the fault says which event it is`() async throws {
        let faults = try await faults(after: "UPDATE event SET time_us = 0 WHERE seq = 7")
        #expect(faults == ["Event 7 is not what was recorded: its hash does not fit."])
    }

    @Test(arguments: 1...12)
    func `a removed event is found`(sequence: Int) async throws {
        let faults = try await faults(after: "DELETE FROM event WHERE seq = ?", [sequence])
        #expect(faults.first?.hasPrefix("Events \(sequence) to \(sequence) are missing.") == true)
    }

    @Test func `two events that changed places are found`() async throws {
        let swap = """
            UPDATE event SET seq = 100 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 5;
            UPDATE event SET seq = 5 WHERE seq = 100;
            """
        #expect(try await faults(after: swap).isEmpty == false)
    }

    @Test func `a removed tail is found where the tables still know of it`() async throws {
        let faults = try await faults(after: "DELETE FROM event WHERE seq > 9")
        #expect(faults.contains("Table job does not say what the events say."))
    }

    @Test func `an event that was made up and hashed right is found where it cannot follow`() async throws {
        let folder = try await leftJournal()
        try withDatabase(folder.database) { database in
            try database.execute(
                sql: """
                    INSERT INTO event (seq, time_us, kind, job_id, body, leaf, hash)
                    SELECT seq + 1, time_us, kind, job_id, body, leaf, hash FROM event WHERE seq = 13
                    """)
        }
        #expect(try Journal.verify(path: folder.database).faults.count == 1)
    }

    @Test(arguments: [
        "UPDATE job SET user = 'eve' WHERE id = 1",
        "UPDATE job SET failed = 0, succeeded = 1 WHERE id = 2",
        "UPDATE job SET message = 'nothing' WHERE id = 2",
        "UPDATE submission SET jobs = '9' WHERE user = 'ada'",
        "DELETE FROM label",
        "UPDATE variable SET value = '4' WHERE name = 'LEVEL'",
        "UPDATE variable SET secret_digest = 'd2' WHERE name = 'TOKEN'",
        "DELETE FROM dependency",
        "UPDATE task SET exit_code = 0 WHERE job_id = 2",
        "UPDATE task_range SET tasks = '0' WHERE job_id = 2",
        "UPDATE node SET drain = NULL",
        "UPDATE node_stack SET kernel = '7.0' WHERE node = 'n1'",
        "UPDATE attempt SET bound_cpuset = '1' WHERE job_id = 1",
        "UPDATE attempt_device SET share = 0.5",
        "UPDATE artifact SET sha256 = 'cc' WHERE sha256 = 'bb'",
        "UPDATE link SET path = 'elsewhere' WHERE direction = 'out'",
        "UPDATE report SET progress = 1",
        "UPDATE metric SET value = 1",
        "INSERT INTO metric SELECT attempt_id, time_us, 'gain', 1 FROM metric",
    ])
    func `a changed row of a table is found`(change: String) async throws {
        let faults = try await faults(after: change)
        #expect(faults.count == 1)
        #expect(faults.first?.hasSuffix("does not say what the events say.") == true)
    }

    @Test func `a changed snapshot is found`() async throws {
        var site = try await Site()
        _ = try await site.submitted("honest")
        let folder = site.folder
        try site.journal.close(site.cluster)
        #expect(try Journal.verify(path: folder.database).faults == [])

        try tamper(
            folder.database, "UPDATE snapshot SET body = CAST(replace(CAST(body AS TEXT), 'honest', 'forged') AS BLOB)")

        let faults = try Journal.verify(path: folder.database).faults
        #expect(faults == ["The snapshot after event 3 is not what the events add up to."])
    }

    @Test func `a snapshot of events that are gone is found`() async throws {
        var site = try await Site()
        _ = try await site.submitted()
        let folder = site.folder
        try site.journal.close(site.cluster)

        try tamper(folder.database, "DELETE FROM event WHERE seq = 3")

        let faults = try Journal.verify(path: folder.database).faults
        #expect(faults.contains("There is a snapshot after event 3, and no such event."))
    }

    @Test(arguments: ["UPDATE event SET time_us = 0", "DELETE FROM event WHERE seq = 1"])
    func `SQL by mistake changes no event`(statement: String) async throws {
        let folder = try await leftJournal()
        #expect(throws: DatabaseError.self) {
            try withDatabase(folder.database) { try $0.execute(sql: statement) }
        }
        #expect(try Journal.verify(path: folder.database).faults == [])
    }
}
