import BerthJournal
import BerthModel
import Foundation
import GRDB
import Testing

@Suite(.serialized) struct SnapshotTests {
    private func snapshots(_ site: Site) throws -> [Int] {
        try withDatabase(site.folder.database) { try Int.fetchAll($0, sql: "SELECT seq FROM snapshot ORDER BY seq") }
    }

    @Test func `a snapshot is taken when enough has happened, and not before`() async throws {
        var site = try await Site()
        let job = try await site.submitted()
        try await site.journal.takeSnapshotIfDue(site.cluster)
        #expect(try snapshots(site) == [])

        for _ in 0..<3 {
            let events = (0..<10_000).flatMap { _ in
                [ClusterEvent.held(job: job, by: "ada"), .released(job: job, by: "ada")]
            }
            try await site.record(events)
            try await site.journal.takeSnapshotIfDue(site.cluster)
            try await site.journal.takeSnapshotIfDue(site.cluster)
        }

        #expect(try snapshots(site) == [40_003, 60_003])
        #expect(try site.journal.replay().cluster == site.cluster)
        #expect(try site.journal.replay(fromSnapshot: false).cluster == site.cluster)
        #expect(try site.journal.replay().lastSequence == 60_003)
    }

    @Test func `a restart begins with the snapshot and goes on with what came after`() async throws {
        var site = try await Site()
        let first = try await site.submitted()
        try withDatabase(site.folder.database) { database in
            let body = try JSONEncoder().encode(site.cluster)
            try database.execute(sql: "INSERT INTO snapshot (seq, body) VALUES (3, ?)", arguments: [body])
        }
        _ = try await site.running(first)
        _ = try await site.submitted("later")

        // That the snapshot was used shows where its events cannot be read.
        try tamper(site.folder.database, "UPDATE event SET body = 'unreadable' WHERE seq = 1")

        #expect(try site.journal.replay().cluster == site.cluster)
        #expect(throws: (any Error).self) { try site.journal.replay(fromSnapshot: false) }
    }

    @Test(arguments: ["'{\"of\":\"another version\"}'", "x'00ff17'", "zeroblob(0)"])
    func `a snapshot that cannot be read is no loss`(body: String) async throws {
        var site = try await Site()
        _ = try await site.submitted(tasks: 5)
        try withDatabase(site.folder.database) { database in
            try database.execute(sql: "INSERT INTO snapshot (seq, body) VALUES (2, CAST(\(body) AS BLOB))")
        }
        #expect(try site.journal.replay().cluster == site.cluster)
        #expect(try site.journal.replay().lastSequence == 3)
        try site.expectsNoFault()
    }

    @Test func `a controller that leaves takes a snapshot, once`() async throws {
        var site = try await Site()
        _ = try await site.submitted()
        let (folder, cluster) = (site.folder, site.cluster)
        try site.journal.close(cluster)
        let first = try withDatabase(folder.database) { try Int.fetchAll($0, sql: "SELECT seq FROM snapshot") }
        #expect(first == [3])
    }
}
