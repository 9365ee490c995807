import BerthJournal
import BerthModel
import BerthScheduling
import Foundation
import GRDB
import Glibc
import Testing

@Suite(.serialized) struct AppendTests {
    @Test func `events that cannot all be written are not written at all, and the next ones can`() async throws {
        var site = try await Site()
        try withDatabase(site.folder.database) { database in
            try database.execute(
                sql: """
                    CREATE TRIGGER broken BEFORE INSERT ON job WHEN new.name = 'third'
                      BEGIN SELECT raise(FAIL, 'the disk is on fire'); END
                    """)
        }
        let before = site.cluster
        let (first, third) = (site.submission("first"), site.submission("third"))
        let events = [ClusterEvent.submitted(first), .submitted(Submission.like(third, id: first.id.next))]

        await #expect(throws: JournalError.self) { try await site.journal.append(events, at: site.now) }

        #expect(site.journal.lastSequence == 2)
        #expect(try site.jobs() == [])
        #expect(try site.journal.replay().cluster == before)
        try withDatabase(site.folder.database) { try $0.execute(sql: "DROP TRIGGER broken") }
        _ = try await site.submitted("third")
        #expect(try site.jobs() == [1])
        #expect(site.journal.lastSequence == 3)
        try site.expectsNoFault()
    }

    @Test(.enabled(if: SmallDisk.canBeHad, "No small disk can be mounted here."))
    func `a full disk refuses events with a sentence, loses none, and is no disk that stays full`() async throws {
        try await SmallDisk.with { disk in
            let journal = try Journal(path: disk + "/berth.sqlite")
            var cluster = Cluster()
            func append(_ number: UInt64) async throws {
                var specification = JobSpecification(name: "big", workingDirectory: "/", queue: "batch")
                specification.script = String(repeating: "# a long script\n", count: 2000)
                let event = ClusterEvent.submitted(
                    Submission(
                        id: Job.ID(number), specification: specification, user: "ada", submitTime: .epoch,
                        key: "key\(number)", contentDigest: ""))
                try await journal.append([event], at: .epoch)
                try cluster.apply(event, at: .epoch)
            }
            let ballast = disk + "/ballast"
            try Data(count: 300_000).write(to: URL(fileURLWithPath: ballast))
            var accepted: UInt64 = 0
            var refusal = ""
            while accepted < 100, refusal.isEmpty {
                do {
                    try await append(accepted + 1)
                    accepted += 1
                } catch { refusal = "\(error)" }
            }
            #expect(refusal == "The disk that holds \(disk)/berth.sqlite is full. Make room there.")
            #expect(accepted > 0)
            #expect(journal.lastSequence == accepted)
            #expect(try journal.replay().cluster == cluster)
            #expect(try journal.jobs(JobFilter()).count == Int(accepted))

            try FileManager.default.removeItem(atPath: ballast)
            try await append(accepted + 1)

            #expect(journal.lastSequence == accepted + 1)
            #expect(try journal.replay().cluster == cluster)
            #expect(try journal.verify().faults == [])
        }
    }

    @Test func `an append that nobody waits for any more is done or not done, and the next one goes on from there`()
        async throws
    {
        let site = try await Site()
        let (journal, now) = (site.journal, site.now)
        var done: UInt64 = 2
        for round in 0..<300 {
            let appending = Task {
                try await journal.append([.nodeDrained("n1", .init(reason: "a", by: "b"))], at: now)
            }
            for _ in 0..<round % 7 { await Task.yield() }
            appending.cancel()
            if case .success = await appending.result { done += 1 }
            #expect(journal.lastSequence == done)
        }
        try await journal.append([.nodeUndrained("n1", by: "b")], at: now)
        #expect(try journal.verify().events == done + 1)
        try site.expectsNoFault()
    }

    @Test func `no events are nothing to write`() async throws {
        let site = try await Site()
        try await site.journal.append([], at: site.now)
        #expect(site.journal.lastSequence == 2)
    }

    @Test func `texts of every kind come back as they were`() async throws {
        var site = try await Site()
        let odd = [
            "'; DROP TABLE job; --", "\"\\\n\t\u{1}", "Ünïcödé 🦀 e\u{301}", "", "%s ?1 :name", "\u{FEFF}\u{202E}",
        ]
        for (number, text) in odd.enumerated() {
            let id = try await site.submitted(text, user: "u\(text)", key: text) { specification in
                specification.command = [text, text]
                specification.labels = ["k\(text)": text]
                specification.environment = ["V\(number)": .plain(text)]
                specification.project = text
            }
            let record = try #require(try site.journal.job(TaskID(job: id)))
            #expect(record.submission == site.cluster.jobs[id]?.submission)
            #expect(try site.jobs { $0.name = text } == [id.number])
            #expect(try site.jobs { $0.labels = ["k\(text)": text] } == [id.number])
            #expect(try site.journal.submission(.init(user: "u\(text)", key: text))?.jobs == [id])
        }
        #expect(try site.journal.replay().cluster == site.cluster)
        try site.expectsNoFault()
    }

    @Test func `a key and its jobs are remembered together, and only for their user`() async throws {
        var site = try await Site()
        let first = site.submission(user: "ada", key: "once")
        let second = Submission.like(first, id: first.id.next)
        try await site.record(.submitted(first), .submitted(second))

        let past = try site.journal.submission(.init(user: "ada", key: "once"))

        #expect(past == PastSubmission(contentDigest: "digest", jobs: [1, 2].map { Job.ID($0) }))
        #expect(try site.journal.submission(.init(user: "ben", key: "once")) == nil)
        #expect(try site.journal.submission(.init(user: "ada", key: "ONCE")) == nil)
    }

    @Test func `an attachment is kept once`() async throws {
        let site = try await Site()
        try await site.journal.store(attachment: [1, 2, 3], kind: "topology", digest: "d")
        try await site.journal.store(attachment: [4], kind: "topology", digest: "d")
        let bodies = try withDatabase(site.folder.database) {
            try Data.fetchAll($0, sql: "SELECT body FROM attachment")
        }
        #expect(bodies == [Data([1, 2, 3])])
        try site.expectsNoFault()
    }

    @Test func `of a secret its digest is kept, and never a value`() async throws {
        var site = try await Site()
        let job = try await site.submitted {
            $0.environment = ["TOKEN": .secret(digest: "3f9c"), "LEVEL": .plain("5")]
        }
        #expect(
            try site.journal.job(TaskID(job: job))?.submission.specification.environment["TOKEN"]
                == .secret(digest: "3f9c"))
        let rows = try withDatabase(site.folder.database) {
            try Row.fetchAll($0, sql: "SELECT name, value FROM variable ORDER BY name")
        }
        #expect(rows.map { $0["name"] as String } == ["LEVEL", "TOKEN"])
        #expect(rows.map { $0["value"] as String? } == ["5", nil])
    }
}

/// A disk of one mebibyte.
private enum SmallDisk {
    /// Whether this process may mount one.
    static let canBeHad: Bool = {
        guard let folder = try? TemporaryFolder() else { return false }
        return isMounted(folder) && umount2(folder.path, Int32(MNT_DETACH)) == 0
    }()

    static func with(_ body: (_ path: String) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        try #require(isMounted(folder))
        defer { umount2(folder.path, Int32(MNT_DETACH)) }
        try await body(folder.path)
    }

    private static func isMounted(_ folder: TemporaryFolder) -> Bool {
        mount("berth-test", folder.path, "tmpfs", 0, "size=1m") == 0
    }
}

extension Submission {
    /// Another job of the same submission.
    static func like(_ submission: Submission, id: Job.ID) -> Submission {
        var other = submission
        other.id = id
        return other
    }
}
