import Foundation
import Testing

@Suite(.serialized) struct RunTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up()
    }

    @Test(arguments: [0, 1, 7, 255])
    func `berth run exits as the job does`(code: Int32) throws {
        #expect(try berth("run", "--", "sh", "-c", "exit \(code)").code == code)
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGSEGV])
    func `a job that a signal ends gives 128 and the signal's number`(signal: Int32) throws {
        let result = try berth("run", "--", "sh", "-c", "kill -\(signal) $$")

        #expect(result.code == 128 + signal)
        let job = try berth.show("1")
        #expect(job["state"].text == "failed" && job["reason"].text == "signal")
        #expect(job["signal"].integer == Int(signal) && job["exitCode"].isNull)
    }

    @Test func `output and errors stay apart`() throws {
        let result = try berth("run", "--", "sh", "-c", "echo out; echo err >&2")

        #expect(result.output == "out\n")
        #expect(result.errors == "err\n")
        #expect(try berth.logs("1") == "out\n")
        #expect(try berth.logs("1", "--err") == "err\n")
    }

    @Test func `output comes while the job runs`() throws {
        let run = try berth.start(
            "run", "--", "sh", "-c", "echo first; until [ -e go ]; do sleep 0.05; done; echo second")

        try eventually("the first line has come") { run.output == Data("first\n".utf8) }
        #expect(run.isRunning)
        try berth.write("", to: "go")

        #expect(try run.ended().output == "first\nsecond\n")
    }

    @Test func `logs follow a job to its end`() throws {
        let job = try berth.submit(script: "echo first; until [ -e go ]; do sleep 0.05; done; echo second")
        let logs = try berth.start("logs", "-f", job)

        try eventually("the first line has come") { logs.output == Data("first\n".utf8) }
        try berth.write("", to: "go")

        #expect(try logs.ended().output == "first\nsecond\n")
    }

    @Test func `a job's file says what is run`() throws {
        try berth.write(
            """
            apiVersion: berth/v1
            kind: Job
            name: from a file
            command: [sh, -c, 'echo "$COLOUR"; exit 3']
            environment: {COLOUR: "red"}
            labels: {paper: icml27}
            project: vision
            resources: {cpus: 1, memory: 16MiB}
            timeLimit: 1m
            """, to: "job.yaml")

        let result = try berth("run", "job.yaml")

        #expect(result.code == 3 && result.output == "red\n")
        let job = try berth.show("1")
        #expect(job["name"].text == "from a file" && job["project"].text == "vision")
        #expect(job["labels"]["paper"].text == "icml27")
        #expect(job["timeLimit"].number == 60 && job["resources"]["memory"].integer == 16 << 20)
    }

    @Test func `a file of several jobs is submitted whole`() throws {
        try berth.write(
            """
            name: first
            command: [sh, -c, echo one >> order]
            ---
            name: second
            command: [sh, -c, echo two >> order]
            after: [first]
            """, to: "jobs.yaml")

        let ids = try berth.successfully("submit", "jobs.yaml").lines

        #expect(ids == ["1", "2"])
        #expect(try berth.end(of: "1", "2")["state"].text == "succeeded")
        #expect(berth.lines("order") == ["one", "two"])
    }

    @Test func `a script's lines are options and the command line wins`() throws {
        try berth.write(
            """
            #!/bin/sh
            #BERTH --name measured --env COLOUR=red
            #BERTH --env "SHAPE=a round one" --time 5m
            echo "$COLOUR, $SHAPE"
            #BERTH --name late
            """, to: "job.sh")

        let result = try berth("run", "--script", "job.sh", "--time", "7m", "--env", "COLOUR=blue")

        #expect(result.output == "blue, a round one\n", "\(result)")
        let job = try berth.show("1")
        #expect(job["name"].text == "measured")
        #expect(job["timeLimit"].number == 420)
    }

    @Test func `a script is run by what its first line names`() throws {
        try berth.write("#!/usr/bin/env -S sh -u\necho \"$0 ran\"\necho \"$NOT_SET\"\necho never\n", to: "strict.sh")

        let result = try berth("run", "--script", "strict.sh")

        #expect(result.code != 0)
        #expect(result.output.hasSuffix(" ran\n"))
    }

    @Test func `the working directory and the environment are what was asked for`() throws {
        try FileManager.default.createDirectory(atPath: berth.work + "/sub", withIntermediateDirectories: true)

        let result = try berth(
            "run", "--workdir", "sub", "--env", "A=1 and 2", "--env", "B", "--", "sh", "-c", "pwd; echo \"$A|$B|$C\"",
            environment: ["B": "from here", "C": "stays here"])

        #expect(result.output == "\(berth.work)/sub\n1 and 2|from here|\n")
        #expect(try berth("run", "--", "pwd").output == berth.work + "\n")
    }

    @Test func `megabytes of any bytes arrive unchanged`() throws {
        let result = try berth(
            "run", "--", "sh", "-c", "head -c 6000000 /dev/urandom | tee copy; head -c 500000 copy >&2")

        #expect(result.code == 0)
        let copy = try #require(berth.bytes("copy"))
        #expect(copy.count == 6_000_000 && result.bytes == copy)
        let logged = try berth.successfully("logs", "1", "--err").bytes
        #expect(logged == copy.prefix(500_000))
    }

    @Test func `output can go to files`() throws {
        let one = try berth.submit(script: "echo out; echo err >&2", "--output", "new/one.out", "--error", "one.err")
        let both = try berth.submit(script: "echo out; echo err >&2", "--output", "both", "--error", "both")
        try berth.end(of: one, both)

        #expect(berth.read("new/one.out") == "out\n" && berth.read("one.err") == "err\n")
        #expect(berth.read("both") == "out\nerr\n")
        #expect(try berth.logs(one) == "out\n")
    }

    @Test func `the first interrupt asks and the second cancels`() throws {
        let run = try berth.start("run", "--grace", "1s", "--", "sh", "-c", "echo $$ > pid; exec sleep 1000")
        try eventually("the job runs") { !berth.lines("pid").isEmpty }

        run.send(SIGINT)
        try eventually("it asks") { run.errors.contains("Press Ctrl-C again") }
        #expect(try berth.show("1")["state"].text == "running")
        run.send(SIGINT)

        #expect(try run.ended().code != 0)
        #expect(try berth.show("1")["state"].text == "cancelled")
    }
}
