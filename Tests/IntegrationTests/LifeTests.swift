import Foundation
import Testing

@Suite(.serialized) struct LifeTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up()
    }

    /// A job that runs until its file `go` is there.
    private func waiting(_ options: String...) throws -> String {
        try berth.submit(options + ["--", "sh", "-c", "echo >> started; until [ -e go ]; do sleep 0.05; done"])
    }

    // MARK: - Dependencies

    @Test func `a job starts after the one that it waits for`() throws {
        let first = try waiting()
        let second = try berth.submit(script: "echo second > second", "--after", first)
        let early = try berth.submit(script: "until [ -e go ]; do sleep 0.05; done", "--after", "\(first):started")
        if try berth.json("nodes")[0]["cores"].integer ?? 0 > 1 { try berth.reaches("running", early) }
        #expect(try berth.show(second)["state"].text == "pending")

        try berth.write("", to: "go")

        #expect(try berth.end(of: early, second)["state"].text == "succeeded")
        #expect(try berth.show(second)["dependencies"][0]["job"].text == first)
    }

    @Test func `what waits for a success that does not come fails too`() throws {
        let failing = try berth.submit("--hold", "--", "false")
        let child = try berth.submit("--after", failing, "--", "true")
        let grandchild = try berth.submit("--after", child, "--", "true")
        let mourner = try berth.submit("--after", "\(failing):failed", "--", "true")
        let indifferent = try berth.submit("--after", "\(failing):ended", "--", "true")

        try berth.successfully("release", failing)
        try berth.end(of: failing, child, grandchild, mourner, indifferent)

        for job in [child, grandchild] {
            let record = try berth.show(job)
            #expect(record["state"].text == "failed" && record["reason"].text == "dependencyFailed")
            #expect(record["attempts"].elements.isEmpty)
        }
        #expect(try berth.show(mourner)["state"].text == "succeeded")
        #expect(try berth.show(indifferent)["state"].text == "succeeded")
    }

    // MARK: - Hold, begin

    @Test func `a held job waits until it is released`() throws {
        let held = try berth.submit("--hold", "--", "true")
        let other = try berth.submit("--", "true")
        try berth.end(of: other)
        #expect(try berth.show(held)["state"].text == "held")

        try berth.successfully("release", held)

        #expect(try berth.end(of: held)["state"].text == "succeeded")
    }

    @Test func `a job does not start before its time`() throws {
        let job = try berth.submit("--begin", "+2s", "--", "true")
        let record = try berth.end(of: job)

        let (submitted, started) = (record["submitTime"].text ?? "", record["startTime"].text ?? "")
        let form = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let wait = try form.parse(started).timeIntervalSince(try form.parse(submitted))
        #expect(wait >= 1.9, "\(submitted) to \(started)")
    }

    // MARK: - Cancel

    @Test func `a waiting job is cancelled at once`() throws {
        let job = try berth.submit("--hold", "--", "true")

        try berth.successfully("cancel", job)

        let record = try berth.show(job)
        #expect(record["state"].text == "cancelled" && record["attempts"].elements.isEmpty)
        #expect(try berth("wait", job).code == 1)
    }

    @Test func `a running job that is cancelled gets SIGTERM and may end well`() throws {
        let job = try berth.submit(
            script: "trap 'echo saved; exit 0' TERM; echo ready > ready; while :; do sleep 0.05; done")
        try berth.says("ready", in: "ready")

        try berth.successfully("cancel", job)

        let record = try berth.end(of: job)
        #expect(record["state"].text == "cancelled")
        #expect(try berth.logs(job) == "saved\n")
    }

    @Test func `nothing of a cancelled job is left, however it hid`() throws {
        // Children that ignore SIGTERM, in sessions of their own, whose parents have gone.
        try berth.write(
            """
            trap '' TERM
            (setsid sh -c 'echo $$ >> pids; exec sleep 1000' &)
            (setsid setsid sh -c 'trap "" TERM; (setsid sh -c "echo \\$\\$ >> pids; sleep 1000" &); echo $$ >> pids; sleep 1000' &)
            while [ "$(wc -l < pids)" -lt 3 ]; do sleep 0.02; done
            echo $$ >> pids
            while :; do sleep 0.05; done
            """, to: "hide.sh")
        try berth.write("", to: "pids")
        let job = try berth.submit("--grace", "1s", "--script", "hide.sh")
        try eventually("all have started") { berth.lines("pids").count == 4 }

        try berth.successfully("cancel", job)
        let record = try berth.end(of: job)

        #expect(record["state"].text == "cancelled" && record["signal"].integer == 9)
        let processes = berth.lines("pids").compactMap { pid_t($0) }
        #expect(processes.count == 4 && processes.allSatisfy { !Processes.isAlive($0) })
    }

    @Test func `what a job leaves behind ends with it`() throws {
        let job = try berth.submit(
            script: "(setsid sh -c 'echo $$ > pid; sleep 1000' &); until [ -s pid ]; do sleep 0.02; done")

        #expect(try berth.end(of: job)["state"].text == "succeeded")
        let process = try #require(berth.lines("pid").first.flatMap { pid_t($0) })
        #expect(!Processes.isAlive(process))
    }

    // MARK: - Requeue, retry, time limit

    @Test func `a running job that is requeued runs again`() throws {
        let job = try berth.submit(
            script: "echo $BERTH_ATTEMPT >> attempts; [ $BERTH_ATTEMPT = 2 ] || sleep 1000", "--grace", "2s")
        try berth.says("1", in: "attempts")

        try berth.successfully("requeue", job)

        let record = try berth.end(of: job)
        #expect(record["state"].text == "succeeded")
        #expect(record["attempts"].elements.map { $0["state"].text } == ["preempted", "succeeded"])
        #expect(record["attempts"].elements.map { $0["number"].integer } == [1, 2])
        #expect(record["attempts"][1]["id"].text == "\(job)@2")
        #expect(berth.lines("attempts") == ["1", "2"])
    }

    @Test func `an ended job that is requeued runs again under its number`() throws {
        let job = try berth.submit(script: "echo $BERTH_ATTEMPT; [ -e repaired ]")
        #expect(try berth.end(of: job)["state"].text == "failed")
        try berth.write("", to: "repaired")

        try berth.successfully("requeue", job)

        let record = try berth.end(of: job)
        #expect(record["state"].text == "succeeded" && record["exitCode"].integer == 0)
        #expect(try berth.logs(job) == "2\n")
        #expect(try berth.logs(job, "--attempt", "1") == "1\n")
    }

    @Test func `a failure is retried with growing waits`() throws {
        try berth.write(
            """
            command: [sh, -c, 'echo $BERTH_ATTEMPT >> attempts; [ $BERTH_ATTEMPT = 3 ] || exit 5']
            retry: {attempts: 4, on: [exit], backoff: {initial: 300ms, factor: 3, maximum: 10s, jitter: 0}}
            """, to: "job.yaml")
        let job = try berth.submit("job.yaml")

        let record = try berth.end(of: job)

        #expect(record["state"].text == "succeeded" && record["exitCode"].integer == 0)
        #expect(berth.lines("attempts") == ["1", "2", "3"])
        let attempts = record["attempts"].elements
        #expect(attempts.map { $0["exitCode"].integer } == [5, 5, 0])
        let form = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let waits = try zip(attempts, attempts.dropFirst()).map { before, after in
            try form.parse(after["startTime"].text ?? "").timeIntervalSince(form.parse(before["endTime"].text ?? ""))
        }
        #expect(waits.count == 2 && waits[0] >= 0.29 && waits[1] >= 0.89, "\(waits)")
    }

    @Test func `retries that all fail are a failure, and what retry does not name is not tried again`() throws {
        try berth.write(
            "command: [sh, -c, exit 5]\nretry: {attempts: 2, backoff: {initial: 10ms, jitter: 0}}\n", to: "fails.yaml")
        try berth.write("command: [sh, -c, exit 5]\nretry: {attempts: 2, on: [signal]}\n", to: "other.yaml")
        let (fails, other) = (try berth.submit("fails.yaml"), try berth.submit("other.yaml"))
        try berth.end(of: fails, other)

        let (three, one) = (try berth.show(fails), try berth.show(other))
        #expect(three["state"].text == "failed" && three["attempts"].elements.count == 3)
        #expect(one["state"].text == "failed" && one["attempts"].elements.count == 1)
        #expect(three["reason"].text == "exit" && three["exitCode"].integer == 5)
    }

    @Test func `a job that takes too long has timed out`() throws {
        let run = try berth(
            "run", "--time", "1s", "--grace", "1s", "--", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")

        #expect(run.code != 0)
        let record = try berth.show("1")
        #expect(record["state"].text == "timedOut")
        #expect(
            record["attempts"][0]["state"].text == "timedOut" && record["attempts"][0]["reason"].text == "timeLimit")
        #expect(record["signal"].integer == 9)
    }

    @Test func `waiting tasks whose deadline passes fail`() throws {
        let job = try berth.submit("--hold", "--deadline", "+1s", "--", "true")

        let record = try berth.end(of: job)

        #expect(record["state"].text == "failed" && record["reason"].text == "policy")
    }

    @Test func `jobs are found by what they are`() throws {
        let one = try berth.submit("--name", "one", "--project", "p", "--label", "k=v", "--", "true")
        let two = try berth.submit("--name", "two", "--queue", "urgent", "--hold", "--", "true")
        try berth.end(of: one)

        let questions = [
            (["--name", "one"], [one]), (["--project", "p"], [one]), (["--label", "k=v"], [one]),
            (["--label", "k=w"], []),
            (["--queue", "urgent"], [two]), (["--state", "held"], [two]), (["--state", "held,succeeded"], [one, two]),
            (["--since", "1h"], [one, two]), (["--since", "2100-01-01T00:00:00Z"], []), (["--limit", "1"], [two]),
        ]
        for (filter, found) in questions {
            let jobs = try JSON(parsing: berth.successfully(["jobs", "--json"] + filter).bytes)
            #expect(jobs.elements.map { $0["id"].text } == found, "\(filter)")
        }
    }
}
