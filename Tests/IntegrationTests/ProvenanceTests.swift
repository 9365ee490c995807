import Foundation
import Testing

@Suite(.serialized) struct ProvenanceTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up()
    }

    private func run(_ program: String?, _ arguments: [String]) throws -> Command.Result {
        let result = try berth.start(program: program ?? "", arguments).ended()
        guard result.code == 0 else { throw TestProblem("\(result)") }
        return result
    }

    @Test func `a record has the digests of what was read and written`() throws {
        try berth.write("a,b\n1,2\n", to: "data/train.csv")
        let job = try berth.submit(
            script: "tr a-z A-Z < data/train.csv > model.txt", "--input", "data/train.csv", "--input", "nothing",
            "--result",
            "model.txt")
        try berth.end(of: job)

        let record = try berth.json("prov", "show", job)

        // sha256sum says so of "a,b\n1,2\n" and "A,B\n1,2\n".
        let sums = try ["data/train.csv", "model.txt"].map { file in
            try run("/usr/bin/sha256sum", [file]).output.prefix(64)
        }
        func entry(_ list: String, _ path: String) -> JSON {
            record[list].elements.first { $0["path"].text?.hasSuffix(path) == true } ?? JSON(nil)
        }
        #expect(entry("inputs", "data/train.csv")["sha256"].text == String(sums[0]))
        #expect(entry("inputs", "data/train.csv")["bytes"].integer == 8)
        #expect(
            entry("inputs", "nothing")["sha256"].isNull && entry("inputs", "nothing")["problem"].text?.isEmpty == false)
        #expect(entry("outputs", "model.txt")["sha256"].text == String(sums[1]))
        #expect(!record["events"].elements.isEmpty && !record["decisions"].elements.isEmpty)
        let shown = try berth.show(job)["attempts"][0]
        #expect(shown["outputs"][0]["sha256"].text == String(sums[1]))
        #expect(try berth.successfully("prov", "show", job).output.contains(String(sums[1].prefix(16))))
    }

    @Test func `who read what another wrote is known`() throws {
        let writer = try berth.submit(script: "echo model > model", "--result", "model")
        let reader = try berth.submit("--after", writer, "--input", "model", "--", "cat", "model")
        try berth.end(of: writer, reader)

        let edges = try berth.json("prov", "sql", "SELECT from_job, to_job FROM v_lineage_edge")

        #expect(edges.elements.count == 1)
        #expect(edges[0]["from_job"].integer == Int(writer) && edges[0]["to_job"].integer == Int(reader))
    }

    @Test(.enabled(if: Tools.git != nil))
    func `a record has the code's commit and whether it was changed`() throws {
        try berth.write("print(1)\n", to: "repo/code.py")
        func git(_ arguments: String...) throws -> String {
            let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
            return try run(Tools.git, ["-C", "repo"] + identity + arguments).lines.last ?? ""
        }
        _ = try git("init", "--quiet")
        _ = try git("add", "code.py")
        _ = try git("commit", "--quiet", "--message", "first")
        let commit = try git("rev-parse", "HEAD")
        let clean = try berth.submit("--workdir", "repo", "--", "true")
        try berth.write("print(2)\n", to: "repo/code.py")
        let dirty = try berth.submit("--workdir", "repo", "--", "true")
        try berth.end(of: clean, dirty)

        let rows = try berth.json(
            "prov", "sql", "SELECT code_commit, code_dirty, code_repository FROM v_job ORDER BY id")

        #expect(rows.elements.map { $0["code_commit"].text } == [commit, commit])
        #expect(rows.elements.map { $0["code_dirty"].integer } == [0, 1])
        #expect(rows[0]["code_repository"].text == berth.work + "/repo")
        #expect(try berth.json("prov", "show", dirty)["job"][0]["code_commit"].text == commit)
    }

    @Test func `a secret reaches the job and nothing else`() throws {
        let secret = "s3cr3t-\(UUID().uuidString)"
        let job = try berth.submit(
            script:
                "[ \"$MY_TOKEN\" = \"$(cat expected)\" ] && [ \"$DB_PASSWORD\" = \"$(cat expected)\" ] && echo right",
            "--hold", "--env", "MY_TOKEN=\(secret)", "--env", "DB_PASSWORD=\(secret)", "--env", "PLAIN=visible")
        try berth.write(secret, to: "expected")
        // A restart, so that the value has to come from where it is kept.
        try berth.down()
        try berth.up()
        try berth.successfully("release", job)

        #expect(try berth.end(of: job)["state"].text == "succeeded")
        #expect(try berth.logs(job) == "right\n")
        for file in try FileManager.default.contentsOfDirectory(atPath: berth.state) {
            guard file.hasPrefix("berth.") else { continue }
            let bytes = FileManager.default.contents(atPath: berth.state + "/" + file) ?? Data()
            #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(file)")
        }
        for arguments in [
            ["prov", "show", job], ["prov", "show", job, "--json"], ["show", job, "--json"], ["jobs", "--json"],
            ["prov", "sql", "SELECT * FROM variable"], ["prov", "sql", "SELECT body FROM v_event"],
        ] {
            let result = try berth.successfully(arguments)
            #expect(!result.output.contains(secret), "\(arguments)")
        }
        let variables = try berth.json(
            "prov", "sql", "SELECT name, value FROM variable WHERE name IN ('MY_TOKEN', 'PLAIN') ORDER BY name")
        #expect(variables[0]["value"].isNull && variables[1]["value"].text == "visible")
        // An attempt's directory goes when its end is acknowledged; then only the place for secrets has it.
        try eventually("only \(berth.state)/secrets holds it") {
            let holders = try berth.start(program: "/usr/bin/env", ["grep", "-RlaF", secret, berth.state]).ended()
            return holders.lines.allSatisfy { $0.hasPrefix(berth.state + "/secrets/") }
        }
    }

    @Test func `prov sql only reads, one statement at a time`() throws {
        try berth("run", "--", "true")

        for statement in [
            "DELETE FROM event", "UPDATE job SET name = 'x'", "DROP TABLE event",
            "INSERT INTO label VALUES (1, 'a', 'b')",
            "PRAGMA journal_mode = DELETE", "ATTACH 'other' AS other", "SELECT 1; SELECT 2",
            "SELECT 1; DELETE FROM event",
            "WITH x AS (SELECT 1) DELETE FROM event", "VACUUM INTO 'copy'", "not SQL", "",
        ] {
            let result = try berth("prov", "sql", statement)
            #expect(result.code == 2 && result.output == "", "\(result)")
            #expect(!result.errors.contains("Database."), "\(result)")
        }
        #expect(try berth("prov", "verify").code == 0)
        #expect(berth.bytes("copy") == nil && berth.bytes("other") == nil)
    }

    @Test func `prov sql answers as a table and as JSON`() throws {
        try berth("run", "--name", "one", "--", "true")

        let table = try berth.successfully("prov", "sql", "SELECT id, name FROM v_job")
        let rows = try berth.json("prov", "sql", "SELECT id, name, project FROM v_job")

        #expect(table.lines.count == 2 && table.lines[1].hasPrefix("1") && table.lines[1].hasSuffix("one"))
        #expect(rows[0]["name"].text == "one" && rows[0]["id"].integer == 1)
        #expect(rows[0].names == ["id", "name", "project"])
    }

    @Test func `the history can be asked when no controller runs`() throws {
        try berth("run", "--", "true")
        try berth.down()

        #expect(try berth("prov", "show", "1").code == 0)
        #expect(try berth("prov", "show", "2").code == 3)
        #expect(try berth("prov", "verify").code == 0)
        #expect(try berth.json("prov", "sql", "SELECT count(*) AS n FROM v_attempt")[0]["n"].integer == 1)
    }

    @Test(
        .enabled(if: Tools.python != nil),
        arguments: [
            "UPDATE event SET body = replace(body, 'honest', 'forged') WHERE kind = 'submitted'",
            "UPDATE event SET time_us = time_us - 1 WHERE seq = 2", "DELETE FROM event WHERE seq = 2",
            "UPDATE job SET name = 'forged'",
        ])
    func `a change of the journal is found out`(statement: String) throws {
        try berth("run", "--name", "honest", "--", "true")
        try berth.down()
        let before = try berth.json("prov", "verify")
        #expect(before["faults"].elements.isEmpty && before["head"].text?.count == 64)

        try tamper(statement)

        let after = try berth("prov", "verify")
        #expect(after.code == 1 && after.output.contains("✗"), "\(after)")
    }

    /// Changes the journal as somebody would who has the file: without its triggers, and all in the file itself.
    private func tamper(_ statement: String) throws {
        try berth.write(
            """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                database.execute(f'DROP TRIGGER "{name}"')
            assert database.execute(sys.argv[2]).rowcount > 0
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            """, to: "tamper.py")
        _ = try run(Tools.python, ["tamper.py", berth.state + "/berth.sqlite", statement])
    }
}
