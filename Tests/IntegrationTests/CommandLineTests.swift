import Foundation
import Testing

@Suite(.serialized) struct CommandLineTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up("--agent-config", Installation.root + "/config/agent.yaml")
    }

    @Test func `there is a completion script for each shell`() throws {
        for shell in ["bash", "zsh", "fish"] {
            let script = try berth.successfully("completion", shell).output
            #expect(script.contains("berth") && script.contains("submit") && script.contains("idempotency-key"))
            guard let interpreter = Tools.path(of: shell) else { continue }
            let file = try berth.write(script, to: "completion")
            #expect(try berth.start(program: interpreter, ["-n", file]).ended().code == 0)
        }
    }

    @Test func `each command explains itself`() throws {
        let names = [
            "submit", "run", "wait", "jobs", "show", "logs", "cancel", "hold", "release", "requeue", "why", "notify",
            "nodes",
            "show-node", "drain", "undrain", "topology", "queues", "prov", "up", "down", "controller", "agent",
            "completion",
            "version",
        ]
        for command in [[]] + names.map({ [$0] }) + [["prov", "show"], ["prov", "sql"], ["prov", "verify"]] {
            let help = try berth(command + ["--help"])
            #expect(help.code == 0 && help.errors == "", "\(help)")
            #expect(help.output.uppercased().contains("USAGE: BERTH"), "\(help)")
        }
    }

    @Test func `a job's JSON has its promised names, with null where there is no value`() throws {
        try berth("run", "--", "true")
        let names: Set = [
            "id", "name", "state", "reason", "exitCode", "signal", "user", "project", "queue", "labels", "submitTime",
            "startTime", "endTime", "nodes", "resources", "attempts",
        ]
        let attemptNames: Set = [
            "number", "state", "reason", "node", "startTime", "endTime", "granted", "bound", "usage",
        ]

        let job = try berth.show("1")
        let listed = try berth.json("jobs")[0]
        try berth.submit("--hold", "--", "true")
        let waiting = try berth.show("2")

        for record in [job, listed, waiting] {
            #expect(record.names.isSuperset(of: names), "\(names.subtracting(record.names)) of \(record)")
        }
        #expect(job["attempts"][0].names.isSuperset(of: attemptNames))
        #expect(job["signal"].isNull && job["project"].isNull && job["exitCode"].integer == 0)
        #expect(waiting["startTime"].isNull && waiting["exitCode"].isNull && waiting["attempts"].elements.isEmpty)
        let form = try Regex(#"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"#)
        for time in ["submitTime", "startTime", "endTime"] {
            #expect(job[time].text?.wholeMatch(of: form) != nil, "\(job[time])")
        }
    }

    @Test func `nodes, queues, topology and version have their promised names`() throws {
        let node = try berth.json("nodes")[0]
        #expect(
            node.names.isSuperset(of: [
                "name", "state", "labels", "cores", "freeCores", "memoryBytes", "freeMemoryBytes", "devices", "holders",
                "drainReason",
            ]))

        let queues = try berth.json("queues").elements
        #expect(queues.map { $0["name"].text } == ["urgent", "batch", "spot"])
        #expect(queues.filter { $0["isDefault"].flag == true }.map { $0["name"].text } == ["batch"])
        #expect(
            queues[0].names.isSuperset(of: [
                "name", "tier", "preemptible", "maximumRunning", "maximumRunningPerProject", "minimumRunTime",
                "maximumTime", "defaultTime", "running", "waiting",
            ]))

        let name = try #require(node["name"].text)
        for topology in [
            try berth.json("topology", name), try berth.json("topology", "--synthetic", "package:2 core:4 pu:2"),
        ] {
            #expect(
                topology.names.isSuperset(of: [
                    "packages", "numaNodes", "cores", "pus", "memoryBytes", "memorySource", "cpuKinds", "devices",
                ]), "\(topology)")
        }
        let device = try #require(
            try berth.json("topology", name)["devices"].elements.first { $0["kind"].text == "qsim" })
        #expect(
            device.names.isSuperset(of: ["kind", "model", "pciAddress", "uuid", "memoryBytes", "numaNodes", "health"]),
            "\(device)")
        #expect(try berth.json("version")["version"].text?.isEmpty == false)
    }

    @Test func `shares tell what each project has used and holds`() throws {
        try berth.submit("--hold", "--project", "vision", "--", "true")
        try berth.submit("--hold", "--", "true")

        let projects = try berth.json("queues", "--shares").elements
        #expect(projects.map { $0["project"].text } == [nil, "vision"])
        for project in projects {
            #expect(
                project.names.isSuperset(of: ["share", "usedCoreHours", "usedPart", "held", "quota", "borrowed"]))
            #expect(project["held"]["cores"].integer == 0 && project["quota"].isNull)
        }
        #expect(try berth.successfully("queues", "--shares", "--format", "project,quota").lines.contains("vision   -"))
    }

    @Test func `a described machine is drawn without a controller`() throws {
        let elsewhere = ["BERTH_STATE_DIR": berth.work + "/none"]

        let machine = try berth.json(
            "topology", "--synthetic", "package:2 [numa(memory=64GiB)] core:8 pu:2", environment: elsewhere)

        #expect(machine["packages"].integer == 2 && machine["cores"].integer == 16 && machine["pus"].integer == 32)
        #expect(machine["numaNodes"].integer == 2 && machine["memoryBytes"].integer == 128 << 30)
        try berth.write("<no topology>", to: "bad.xml")
        #expect(try berth("topology", "--file", "bad.xml", environment: elsewhere).code == 2)
        #expect(try berth("topology", "--synthetic", "nonsense", environment: elsewhere).code == 2)
    }

    @Test func `what a pipe brings is read to its end, however it comes`() throws {
        let pipe = berth.work + "/job"
        #expect(mkfifo(pipe, 0o600) == 0)

        let asked = try berth.start(["whatif", "--submit", pipe, "--json"])
        // It can be opened for writing alone as soon as somebody reads.
        var end: Int32 = -1
        try eventually("\(asked) opens the pipe") {
            end = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            return end >= 0
        }
        let writer = FileHandle(fileDescriptor: end, closeOnDealloc: true)
        for part in ["name: wide\ncommand: [\"true\"]\n", "resources:\n  cpus: 2\n"] {
            try writer.write(contentsOf: Data(part.utf8))
        }
        try writer.close()

        let result = try asked.ended()
        #expect(result.code == 0 && result.output.contains("wide"), "\(result)")
    }

    @Test func `an empty file is read, and a directory or what is too large is refused by name`() throws {
        #expect(try berth("topology", "--file", "/dev/null").errors.contains("it is empty"))
        #expect(try berth("submit", berth.work).errors.contains("cannot be read: Is a directory"))
        let large = try berth.write(String(repeating: "# \n", count: 400_000), to: "large.yaml")
        #expect(try berth("submit", large).errors.contains("large.yaml is larger than 1 MiB"))
        let other = try Installation()
        try other.up("--controller-config", "/dev/null", "--agent-config", "/dev/null")
    }

    @Test func `listings show the columns that were asked for`() throws {
        try berth("run", "--name", "one", "--", "true")

        #expect(try berth.successfully("jobs", "--format", "state,id").lines == ["STATE      ID", "succeeded  1"])
        #expect(try berth.successfully("nodes", "--format", "state").lines == ["STATE", "up"])
        #expect(try berth.successfully("queues", "--format", "name").lines == ["NAME", "urgent", "batch", "spot"])
        #expect(try berth.successfully("queues", "--format", "per project").lines == ["PER PROJECT", "-", "-", "-"])
        #expect(try !berth.successfully("jobs").output.contains("\u{1B}"))
    }

    @Test func `every document of JSON ends its output`() throws {
        try berth.submit("--hold", "--", "true")
        for arguments in [
            ["submit", "--", "true"], ["wait", "2"], ["why", "1"],
            ["show-node", try berth.json("nodes")[0]["name"].text ?? ""], ["prov", "verify"],
        ] {
            let result = try berth.successfully(arguments + ["--json"])
            #expect(throws: Never.self, "\(result)") { try JSON(parsing: result.bytes) }
        }
    }
}
