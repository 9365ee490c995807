import Foundation
import Testing

/// What cannot be done is said in a line or two, with the numbers, and with its exit code.
@Suite(.serialized) struct RefusalTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up("--agent-config", Installation.root + "/config/agent.yaml")
    }

    @Test func `a job cannot be submitted from a directory that is gone`() throws {
        let script = "mkdir gone && cd gone && rmdir ../gone && exec \(Installation.builtPrograms)/berth submit -- true"
        let result = try berth.start(program: "/bin/sh", ["-c", script]).ended(within: 10)
        #expect(result.code == 2 && result.errors.contains("current directory"), "\(result)")
    }

    /// Gives a command that is to be refused.
    private func expect(
        _ code: Int32, saying words: [String], _ arguments: [String], environment: [String: String] = [:],
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let result = try berth(arguments, environment: environment, within: 20)
        #expect(result.code == code, "\(result)", sourceLocation: location)
        #expect(result.output == "", sourceLocation: location)
        let lines = result.errors.split(separator: "\n")
        #expect(
            (1...2).contains(lines.count) && lines.first?.hasPrefix("berth: ") == true, "\(result)",
            sourceLocation: location)
        for word in words { #expect(result.errors.contains(word), "\(result)", sourceLocation: location) }
    }

    @Test func `40 qubits on a device of 28 are refused with both numbers`() throws {
        try expect(4, saying: ["qubits 40", "28"], ["submit", "--device", "qsim,qubits=40", "--", "true"])
        try expect(4, saying: ["3 qsim", "2"], ["submit", "--device", "qsim:3,qubits=20", "--", "true"])
        try expect(4, saying: ["\"qpu\""], ["submit", "--device", "qpu", "--", "true"])
        try expect(4, saying: ["\"qsin\"", "\"qsim\""], ["submit", "--device", "qsin", "--", "true"])
    }

    @Test func `what no node has is refused with the nearest miss`() throws {
        try expect(4, saying: ["900 TiB", "offers"], ["submit", "--memory", "900TiB", "--", "true"])
        try expect(4, saying: ["99999 cores", "it has"], ["submit", "--cpus", "99999", "--", "true"])
        try expect(4, saying: ["gpu"], ["submit", "--gpus", "1", "--gpu-model", "Cray-1", "--", "true"])
        try expect(
            4, saying: ["node.label.zone == 'b'"], ["submit", "--constraint", "node.label.zone == 'b'", "--", "true"])
        try expect(4, saying: ["2 nodes"], ["submit", "--nodes", "2", "--", "true"])
    }

    @Test func `jobs that wait for each other are refused`() throws {
        try berth.write(
            "name: a\ncommand: [x]\nafter: [b]\n---\nname: b\ncommand: [x]\nafter: [a]\n", to: "circle.yaml")

        try expect(2, saying: ["circle", "a → b → a"], ["submit", "circle.yaml"])
        #expect(try berth.json("jobs").elements.isEmpty)
    }

    @Test func `a misspelt field is named with its line and the nearest known one`() throws {
        try berth.write("name: a\ncommand: [x]\ntimeLimt: 1h\n", to: "job.yaml")
        try expect(2, saying: ["job.yaml:3", "\"timeLimt\"", "\"timeLimit\""], ["submit", "job.yaml"])

        try berth.write("command: [x]\nresources:\n  cpus: 1\n  memry: 4GiB\n", to: "deep.yaml")
        try expect(2, saying: ["deep.yaml:4", "\"memry\"", "\"memory\""], ["submit", "deep.yaml"])

        try berth.write("#BERTH --tmie 1h\ntrue\n", to: "job.sh")
        try expect(2, saying: ["job.sh", "--tmie", "--time"], ["submit", "--script", "job.sh"])
    }

    @Test func `garbage is refused whatever its size`() throws {
        var random = SystemRandomNumberGenerator()
        var garbage = Data(capacity: 10 << 20)
        while garbage.count < 10 << 20 { withUnsafeBytes(of: random.next()) { garbage.append(contentsOf: $0) } }
        try garbage.write(to: URL(fileURLWithPath: berth.work + "/large.yaml"))
        try garbage.prefix(100_000).write(to: URL(fileURLWithPath: berth.work + "/small.yaml"))
        try Data().write(to: URL(fileURLWithPath: berth.work + "/empty.yaml"))

        for file in ["large.yaml", "small.yaml", "empty.yaml", "missing.yaml", "."] {
            try expect(2, saying: [file], ["submit", file])
        }
        #expect(try berth("run", "--", "echo", "well").output == "well\n")
    }

    @Test func `a program that is not there makes a failed job`() throws {
        let job = try berth.submit("--", "no-such-program")

        #expect(try berth("wait", job).code == 1)
        let record = try berth.show(job)
        #expect(record["state"].text == "failed" && record["reason"].text == "launchFailed")
        #expect(record["message"].text?.contains("no-such-program") == true)
        #expect(record["exitCode"].isNull && record["attempts"].elements.count == 1)
        #expect(try berth("run", "--", "./neither").code == 1)
    }

    @Test func `a working directory that cannot be entered makes a failed job`() throws {
        try berth.write("", to: "file")

        for directory in ["nowhere", "file"] {
            let result = try berth("run", "--workdir", directory, "--", "true")
            #expect(result.code == 1 && result.errors.contains(berth.work + "/" + directory), "\(result)")
        }
        #expect(try berth.json("jobs").elements.map { $0["reason"].text } == ["launchFailed", "launchFailed"])
    }

    @Test func `an output file that cannot be written makes a failed job`() throws {
        try berth.write("", to: "file")

        let result = try berth("run", "--output", "file/out", "--", "true")

        #expect(result.code == 1 && result.errors.contains("file"), "\(result)")
        #expect(try berth.show("1")["reason"].text == "launchFailed")
    }

    @Test func `unknown names are refused with the nearest known one`() throws {
        try expect(2, saying: ["\"batsh\"", "\"batch\""], ["submit", "--queue", "batsh", "--", "true"])
        try expect(2, saying: ["--quue", "--queue"], ["submit", "--quue", "batch", "--", "true"])
        try expect(2, saying: ["\"sumbit\"", "\"submit\""], ["sumbit", "--", "true"])
        try expect(2, saying: ["\"staet\"", "\"state\""], ["jobs", "--format", "id,staet"])
        try expect(2, saying: ["\"zsch\"", "zsh"], ["completion", "zsch"])
        try expect(2, saying: ["10 apples"], ["submit", "--time", "10 apples", "--", "true"])
        try expect(2, saying: ["many"], ["submit", "--memory", "many", "--", "true"])
        try expect(2, saying: ["nothing"], ["submit"])
        #expect(try berth.json("jobs").elements.isEmpty)
    }

    @Test func `a job that is not there gives exit code 3`() throws {
        for command in ["show", "why", "logs", "cancel", "hold", "release", "requeue", "wait"] {
            try expect(3, saying: ["99"], [command, "99"])
            try expect(2, saying: ["\"this\""], [command, "this"])
        }
    }

    @Test func `a node that is not there gives exit code 3`() throws {
        for command in ["show-node", "drain", "undrain", "topology"] {
            try expect(3, saying: ["\"nowhere\""], [command, "nowhere"])
        }
    }

    @Test func `what has ended cannot be changed`() throws {
        try berth("run", "--", "true")

        try expect(4, saying: ["succeeded"], ["cancel", "1"])
        try expect(4, saying: ["1"], ["hold", "1"])
        try expect(4, saying: ["1"], ["release", "1"])
        try expect(4, saying: ["succeeded"], ["requeue", "1"])
        try expect(4, saying: ["succeeded"], ["submit", "--after", "1:failed", "--", "true"])
        try expect(3, saying: ["77"], ["submit", "--after", "77", "--", "true"])
    }

    @Test func `an idempotency key makes one job and refuses another content`() throws {
        let first = try berth.submit("--idempotency-key", "k", "--", "true")

        #expect(try berth.submit("--idempotency-key", "k", "--", "true") == first)
        try expect(4, saying: ["k", first], ["submit", "--idempotency-key", "k", "--", "false"])
        #expect(try berth.json("jobs").elements.count == 1)
    }

    @Test func `a controller that cannot be reached gives exit code 5`() throws {
        let port = try freePort()
        for arguments in [["jobs"], ["nodes"], ["submit", "--", "true"]] {
            try expect(
                5, saying: ["127.0.0.1:\(port)"], arguments,
                environment: ["BERTH_CONTROLLER": "http://127.0.0.1:\(port)"])
            try expect(5, saying: ["elsewhere"], arguments, environment: ["BERTH_STATE_DIR": berth.work + "/elsewhere"])
            try expect(2, saying: ["gopher"], arguments, environment: ["BERTH_CONTROLLER": "gopher://x"])
        }
    }
}
