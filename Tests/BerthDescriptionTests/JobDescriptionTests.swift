import BerthDescription
import BerthModel
import BerthScheduling
import Testing

struct JobDescriptionTests {
    static let everything = """
        apiVersion: berth/v1
        kind: Job
        name: train-resnet
        command: [python3, train.py, --epochs, "90", 1.50, 007, true, True]
        workingDirectory: models/./resnet
        environment: {SEED: "7", EMPTY: , DEBUG: True, RATE: 0.10}
        queue: spot
        project: vision
        labels: {paper: icml27, try: 2}
        resources:
          cpus: 8
          threads: true
          memory: 32GiB
          gpus: {count: 2, model: "H100|A100", memory: 40GiB, link: nvlink}
          devices: [{kind: qsim, count: 1, qubits: 28, exact: true, backend: statevector, gates: [h, cx]}, {kind: fpga}]
          locality: numa?
          nodes: 3
          exclusive: true
          throughput: {H100: 48, A100-SXM4: 20.5}
        alternatives:
          - {cpus: 64, memory: 64GiB}
          - {gpus: 0.5}
        constraints: ["node.label.zone == 'b'", "cpu.isa has 'avx512f'"]
        timeLimit: 6h
        expectedTime: 2h30m
        deadline: 2026-12-01T08:00:00Z
        begin: 2026-11-30T09:00:00.5+01:00
        hold: true
        retry: {attempts: 3, on: [nodeLost, outOfMemory, exit], backoff: {initial: 10s, factor: 1.5, maximum: 10m, jitter: 0.25}}
        preemption: {grace: 60s, checkpoint: ckpt/}
        after: [{job: 41, when: ended}, {job: 40}, 39]
        array: {count: 1000, parallel: 50}
        pool: torch
        model: resnet:3
        inputs: [data/train.csv]
        outputs: [model.pt, log.txt]
        output: out/%j.txt
        error: /var/log/error.txt
        idempotencyKey: 6f1c
        code: {repository: /home/ada/work, commit: 0123456789abcdef, dirty: true}

        """

    static var everythingSpecified: JobSpecification {
        get throws {
            var job = JobSpecification(
                name: "train-resnet",
                command: ["python3", "train.py", "--epochs", "90", "1.50", "007", "true", "True"],
                workingDirectory: "/home/ada/work/models/resnet", queue: "spot")
            job.environment = [
                "SEED": .plain("7"), "EMPTY": .plain(""), "DEBUG": .plain("True"), "RATE": .plain("0.10"),
            ]
            job.project = "vision"
            job.labels = ["paper": "icml27", "try": "2"]
            job.resources = ResourceRequest(
                cpus: 8, countsThreads: true, memoryBytes: 32 << 30,
                gpus: GPURequest(thousandths: 2000, models: ["H100", "A100"], memoryBytes: 40 << 30, link: .nvlink),
                devices: [
                    DeviceRequest(
                        kind: "qsim",
                        attributes: [
                            "qubits": .number(28), "exact": .flag(true), "backend": .text("statevector"),
                            "gates": .list(["h", "cx"]),
                        ]),
                    DeviceRequest(kind: "fpga"),
                ],
                locality: Locality(.numa, isWish: true), nodes: 3, isExclusive: true,
                throughput: Throughput(["H100": 48, "A100-SXM4": 20.5]))
            job.alternatives = [
                ResourceRequest(cpus: 64, memoryBytes: 64 << 30), ResourceRequest(gpus: GPURequest(thousandths: 500)),
            ]
            job.constraints = [try Expression("node.label.zone == 'b'"), try Expression("cpu.isa has 'avx512f'")]
            job.timeLimit = .seconds(6 * 3600)
            job.expectedTime = .seconds(9000)
            job.deadline = Timestamp("2026-12-01T08:00:00Z")
            job.begin = Timestamp("2026-11-30T08:00:00.5Z")
            job.isHeld = true
            job.retry = RetryPolicy(
                attempts: 3, on: [.nodeLost, .outOfMemory, .exit],
                backoff: .init(initial: .seconds(10), factor: 1.5, maximum: .seconds(600), jitter: 0.25))
            job.grace = .seconds(60)
            job.checkpointDirectory = "/home/ada/work/models/resnet/ckpt"
            job.dependencies = [
                Dependency(job: Job.ID(41), condition: .ended), Dependency(job: Job.ID(40)),
                Dependency(job: Job.ID(39)),
            ]
            job.array = ArraySpecification(indices: IndexRanges(0..<1000), parallel: 50)
            job.pool = "torch"
            job.model = ModelReference("resnet:3")
            job.inputs = ["data/train.csv"]
            job.outputs = ["model.pt", "log.txt"]
            job.standardOutput = "/home/ada/work/models/resnet/out/%j.txt"
            job.standardError = "/var/log/error.txt"
            job.code = CodeState(repository: "/home/ada/work", commit: "0123456789abcdef", isDirty: true)
            return job
        }
    }

    @Test func `every field of a description has its place in the job`() throws {
        let description = try Written.jobs(Self.everything)[0]
        #expect(try description.specification == Self.everythingSpecified)
        #expect(description.idempotencyKey == "6f1c")
        #expect(description.afterNames.isEmpty)
    }

    @Test func `the same description in JSON is the same job`() throws {
        let json = """
            {"apiVersion": "berth/v1", "kind": "Job", "name": "train-resnet",
             "command": ["python3", "train.py", "--epochs", "90", "1.50", "007", true, "True"],
             "workingDirectory": "models/./resnet", "environment": {"SEED": "7", "EMPTY": "", "DEBUG": "True", "RATE": 0.10},
             "queue": "spot", "project": "vision", "labels": {"paper": "icml27", "try": 2},
             "resources": {"cpus": 8, "threads": true, "memory": "32GiB",
               "gpus": {"count": 2, "model": "H100|A100", "memory": "40GiB", "link": "nvlink"},
               "devices": [{"kind": "qsim", "count": 1, "qubits": 28, "exact": true, "backend": "statevector", "gates": ["h", "cx"]},
                 {"kind": "fpga"}],
               "locality": "numa?", "nodes": 3, "exclusive": true,
               "throughput": {"H100": 48, "A100-SXM4": 20.5}},
             "alternatives": [{"cpus": 64, "memory": 68719476736}, {"gpus": 0.5}],
             "constraints": ["node.label.zone == 'b'", "cpu.isa has 'avx512f'"],
             "timeLimit": "6h", "expectedTime": 9000, "deadline": "2026-12-01T08:00:00Z", "begin": "2026-11-30T08:00:00.500000Z",
             "hold": true,
             "retry": {"attempts": 3, "on": ["nodeLost", "outOfMemory", "exit"],
               "backoff": {"initial": "10s", "factor": 1.5, "maximum": "10m", "jitter": 0.25}},
             "preemption": {"grace": "60s", "checkpoint": "ckpt/"},
             "after": [{"job": 41, "when": "ended"}, {"job": "40"}, 39],
             "array": {"count": 1000, "parallel": 50}, "pool": "torch", "model": "resnet:3",
             "inputs": ["data\\/train.csv"], "outputs": ["model.pt", "log.txt"],
             "output": "out/%j.txt", "error": "/var/log/error.txt", "idempotencyKey": "6f1c",
             "code": {"repository": "/home/ada/work", "commit": "0123456789abcdef", "dirty": true}}
            """
        #expect(try Written.job(json, file: "job.json") == Self.everythingSpecified)
    }

    @Test func `what a description leaves out is filled in from where it was written`() throws {
        let job = try Written.job("command: [/usr/bin/env, python3]")
        #expect(
            job
                == JobSpecification(
                    name: "env", command: ["/usr/bin/env", "python3"], workingDirectory: "/home/ada/work",
                    queue: "batch"))
        #expect(job.resources == ResourceRequest())
    }

    @Test func `a field without a value counts as left out`() throws {
        #expect(try Written.jobWith("name:\nqueue: ~\nresources: null\nretry:\narray:\nafter:") == Written.jobWith(""))
    }

    @Test func `a script takes the place of a command, line for line`() throws {
        let script =
            "#!/bin/bash\nset -e\n\techo \"$HOME\" | sed 's/a/b/' > 'out file'\n\n[[ -f x ]] && { echo {1..3}; }\n"
        let text =
            "script: |\n" + script.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)\n" }.joined()
        let job = try Written.job(text)
        #expect(job.script == script)
        #expect(job.command.isEmpty)
        #expect(job.name == "script")
    }

    @Test func `a script may open more brackets than it closes`() throws {
        let line = #"printf '\033[1;31m%s\033[0m [ {' text"#
        let script = Array(repeating: line, count: 500).joined(separator: "\n  ")
        let job = try Written.job("script: |\n  " + script + "\n")
        #expect(job.script?.hasPrefix(line + "\n" + line) == true)
        #expect(try Written.sent(job) == job)
    }

    @Test func `several jobs in one file may wait for each other by name`() throws {
        let jobs = try Written.jobs(
            """
            name: model
            command: [make-model]
            ---
            # A remark.
            name: scores
            command: [score]
            after: [{job: model}, 7]
            ---
            name: sum
            command: [collect]
            after: [{job: scores, when: ended}, {job: model, when: started}]
            ---
            """)
        let requested = try JobDescription.requested(jobs)
        #expect(requested.map(\.specification.name) == ["model", "scores", "sum"])
        #expect(requested.map { $0.dependsOn.map(\.place) } == [[], [0], [1, 0]])
        #expect(requested[2].dependsOn.map(\.condition) == [.ended, .started])
        #expect(requested[1].specification.dependencies == [Dependency(job: Job.ID(7))])
    }

    @Test func `waiting for a job that is not in the submission is refused, with the nearest name`() throws {
        let jobs = try Written.jobs("name: model\ncommand: [a]\n---\nname: sum\ncommand: [b]\nafter: [modle]\n")
        let error = #expect(throws: DescriptionError.self) { _ = try JobDescription.requested(jobs) }
        #expect(
            error?.description
                == "sum: after names the job \"modle\", which is not in this submission. Did you mean \"model\"?")
    }

    @Test func `waiting for a name that two jobs have is refused`() throws {
        let jobs = try Written.jobs(
            "name: a\ncommand: [a]\n---\nname: a\ncommand: [b]\n---\nname: c\ncommand: [c]\nafter: [a]\n")
        let error = #expect(throws: DescriptionError.self) { _ = try JobDescription.requested(jobs) }
        #expect(error?.description.contains("2 jobs have that name") == true)
    }

    @Test(
        arguments: [
            ("array: 5", "0-4", nil, []), ("array: {count: 5, parallel: 2}", "0-4", 2, []),
            ("array: {indices: \"3-5,9\"}", "3-5,9", nil, []), ("array: {indices: 7}", "7", nil, []),
            ("array: {values: [a, 0.10, true], parallel: 1}", "0-2", 1, ["a", "0.10", "true"]),
        ] as [(String, String, Int?, [String])])
    func `an array is a number, indices or values`(line: String, indices: String, parallel: Int?, values: [String])
        throws
    {
        let array = try #require(try Written.jobWith(line).array)
        #expect(array.indices.description == indices)
        #expect(array.parallel == parallel)
        #expect(array.values == values)
    }

    @Test(arguments: [
        ("2", 2000), ("0.5", 500), ("0.001", 1), ("2.0", 2000), ("{count: 0.25}", 250), ("{}", 1000),
        ("{model: T4}", 1000),
    ])
    func `GPUs are counted whole or as a share`(text: String, thousandths: Int) throws {
        #expect(try Written.jobWith("resources: {gpus: \(text)}").resources.gpus?.thousandths == thousandths)
    }

    @Test(arguments: ["{}", "{K80: 0}", "{K80: -1}", "{K80: fast}", "[K80]", "8"])
    func `a throughput names types of devices, each with a rate above nothing`(text: String) {
        #expect(throws: DescriptionError.self) {
            try Written.jobWith("resources: {gpus: 1, throughput: \(text)}")
        }
    }

    @Test func `no GPUs are no request`() throws {
        #expect(try Written.jobWith("resources: {gpus: 0}").resources.gpus == nil)
        #expect(try Written.jobWith("resources: {gpus: {count: 0}}").resources.gpus == nil)
    }

    @Test func `times from now are taken from the moment of submission`() throws {
        let job = try Written.jobWith("begin: +2h\ndeadline: now+1d")
        #expect(job.begin == Written.now + .seconds(7200))
        #expect(job.deadline == Written.now + .seconds(86_400))
    }

    @Test func `a number of retries is a policy with the usual backoff`() throws {
        #expect(try Written.jobWith("retry: 4").retry == RetryPolicy(attempts: 4))
        #expect(try Written.jobWith("retry: {on: [timedOut]}").retry == RetryPolicy(attempts: 1, on: [.timedOut]))
    }

    @Test func `a byte order mark and the line ends of Windows change nothing`() throws {
        let windows = "\u{FEFF}" + Self.everything.replacing("\n", with: "\r\n")
        #expect(try Written.job(windows) == Self.everythingSpecified)
    }

    @Test func `a list over several lines keeps words as they are written`() throws {
        let job = try Written.job(
            "command:\n  - grep\n  - yes\n  - \"null\"\n  - 1e3\n  - +5\n  - 0x1F\n  - on\n  - ''\n")
        #expect(job.command == ["grep", "yes", "null", "1e3", "+5", "0x1F", "on", ""])
    }
}
