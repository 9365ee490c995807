import BerthDescription
import BerthModel
import Testing

struct JobOptionsTests {
    @Test func `every option changes its field, as the same field in a description would`() throws {
        let optioned = try Written.options(
            { options in
                options.name = "train"
                options.queue = "spot"
                options.project = "vision"
                options.labels = ["paper=icml27", "note=a=b", "empty="]
                options.environment = ["SEED=7", "HOME", "EMPTY="]
                options.workingDirectory = "models"
                options.cpus = 8
                options.threads = true
                options.memory = "32GiB"
                options.gpus = "2"
                options.gpuModel = "H100|A100"
                options.gpuMemory = "40GB"
                options.devices = ["qsim:2,qubits=28,exact=true,backend=statevector", "fpga"]
                options.locality = "numa?"
                options.nodes = 3
                options.exclusive = true
                options.constraints = ["node.label.zone == 'b'"]
                options.time = "6h"
                options.expectedTime = "2h30m"
                options.deadline = "2026-12-01T08:00:00Z"
                options.begin = "+90m"
                options.hold = true
                options.after = ["41", "40:ended", "model:started"]
                options.array = "10%4"
                options.retry = 3
                options.checkpoint = "ckpt"
                options.grace = "60s"
                options.pool = "torch"
                options.model = "resnet"
                options.inputs = ["data/train.csv"]
                options.results = ["model.pt"]
                options.output = "out.txt"
                options.error = "/tmp/error.txt"
                options.idempotencyKey = "6f1c"
            }, variables: ["HOME": "/home/ada"])
        let described = try Written.jobs(
            """
            name: train
            command: [run]
            workingDirectory: models
            environment: {SEED: 7, HOME: /home/ada, EMPTY: }
            queue: spot
            project: vision
            labels: {paper: icml27, note: "a=b", empty: }
            resources:
              cpus: 8
              threads: true
              memory: 32GiB
              gpus: {count: 2, model: H100|A100, memory: 40GB}
              devices: [{kind: qsim, count: 2, qubits: 28, exact: true, backend: statevector}, {kind: fpga}]
              locality: numa?
              nodes: 3
              exclusive: true
            constraints: ["node.label.zone == 'b'"]
            timeLimit: 6h
            expectedTime: 2h30m
            deadline: 2026-12-01T08:00:00Z
            begin: +90m
            hold: true
            after: [41, {job: 40, when: ended}, {job: model, when: started}]
            array: {count: 10, parallel: 4}
            retry: 3
            preemption: {checkpoint: ckpt, grace: 60s}
            pool: torch
            model: resnet
            inputs: [data/train.csv]
            outputs: [model.pt]
            output: out.txt
            error: /tmp/error.txt
            idempotencyKey: 6f1c
            """)[0]
        #expect(optioned.specification == described.specification)
        #expect(optioned.afterNames.map(\.name) == ["model"] && described.afterNames.map(\.name) == ["model"])
        #expect(
            optioned.afterNames.map(\.condition) == [.started] && described.afterNames.map(\.condition) == [.started])
        #expect(optioned.idempotencyKey == described.idempotencyKey)
    }

    @Test func `no options change nothing`() throws {
        let job = try JobDescriptionTests.everythingSpecified
        #expect(try Written.options({ _ in }, on: job).specification == job)
    }

    @Test func `the command line wins over the description, and what it does not name stays`() throws {
        let job = try Written.options(
            { options in
                options.name = "other"
                options.cpus = 2
                options.memory = "1GiB"
                options.gpus = "1"
                options.labels = ["try=3"]
                options.environment = ["SEED=8"]
                options.time = "1h"
                options.retry = 9
                options.array = "5"
                options.error = "own.txt"
            }, on: JobDescriptionTests.everythingSpecified
        ).specification
        var expected = try JobDescriptionTests.everythingSpecified
        expected.name = "other"
        expected.resources.cpus = 2
        expected.resources.memoryBytes = 1 << 30
        expected.resources.gpus?.thousandths = 1000
        expected.labels["try"] = "3"
        expected.environment["SEED"] = .plain("8")
        expected.timeLimit = .seconds(3600)
        expected.retry?.attempts = 9
        expected.array = ArraySpecification(indices: IndexRanges(0..<5))
        expected.standardError = "/home/ada/work/models/resnet/own.txt"
        #expect(job == expected)
    }

    @Test func `options of a script give way to those of the command line`() throws {
        var fromScript = JobOptions()
        fromScript.cpus = 4
        fromScript.memory = "8GiB"
        var fromLine = JobOptions()
        fromLine.cpus = 2
        var job = JobDescription(JobSpecification(name: "a", command: ["a"], workingDirectory: "/", queue: "batch"))
        try fromScript.apply(to: &job, Written.context, variables: [:])
        try fromLine.apply(to: &job, Written.context, variables: [:])
        #expect(job.specification.resources == ResourceRequest(cpus: 2, memoryBytes: 8 << 30))
    }

    @Test func `another working directory moves relative paths of the description, and no absolute ones`() throws {
        var job = try Written.jobs(
            "command: [run]\nworkingDirectory: /a\noutput: out.txt\nerror: /a/error.txt\npreemption: {checkpoint: ckpt}\n"
        )[0]
        var options = JobOptions()
        options.workingDirectory = "/b"
        try options.apply(to: &job, Written.context, variables: [:])
        #expect(job.specification.workingDirectory == "/b")
        #expect(job.specification.standardOutput == "/b/out.txt")
        #expect(job.specification.standardError == "/a/error.txt")
        #expect(job.specification.checkpointDirectory == "/b/ckpt")
    }

    @Test func `no GPUs on the command line take those of the description away`() throws {
        let job = try Written.options({ $0.gpus = "0" }, on: JobDescriptionTests.everythingSpecified).specification
        #expect(job.resources.gpus == nil)
    }

    @Test func `a model alone asks for one GPU of it`() throws {
        let job = try Written.options { $0.gpuModel = "T4" }.specification
        #expect(job.resources.gpus == GPURequest(thousandths: 1000, models: ["T4"]))
    }

    @Test(
        arguments: [
            ("5", "0-4", nil, []), ("3-5", "3-5", nil, []), ("7-7", "7", nil, []), ("1,3,2", "1-3", nil, []),
            ("0-9,20%3", "0-9,20", 3, []), ("a,b,a", "0-2", nil, ["a", "b", "a"]),
            ("0.1,0.2%1", "0-1", 1, ["0.1", "0.2"]),
            ("1000000", "0-999999", nil, []),
        ] as [(String, String, Int?, [String])])
    func `an array has a number of tasks, indices or values, and a limit after a percent sign`(
        text: String, indices: String, parallel: Int?, values: [String]
    ) throws {
        let array = try #require(try Written.options { $0.array = text }.specification.array)
        #expect(array.indices.description == indices)
        #expect(array.parallel == parallel)
        #expect(array.values == values)
    }

    @Test(arguments: [
        "", "0", "-1", "%5", "5%", "5%0", "5%x", "5%1%1", "5%2000000", "1000001", "0-1000000", "5-2", "5-2,7", "1,2,",
        ",", "a", "1,,2",
        "0-4294967295", "99999999999999999999", "4294967296,1", "a,,b",
    ])
    func `what is no array is refused`(text: String) throws {
        let refusal = try #require(Written.refusal(ofOptions: { $0.array = text }))
        #expect(refusal.hasPrefix("--array is N, A-B or A,B,…"))
    }

    @Test(arguments: [
        ("qsim", DeviceRequest(kind: "qsim")), ("qsim:3", DeviceRequest(kind: "qsim", count: 3)),
        ("qsim,qubits=28", DeviceRequest(kind: "qsim", attributes: ["qubits": .number(28)])),
        ("qsim:2,a=,b=x=y", DeviceRequest(kind: "qsim", count: 2, attributes: ["a": .text(""), "b": .text("x=y")])),
        ("qsim,a=nan", DeviceRequest(kind: "qsim", attributes: ["a": .text("nan")])),
        ("qsim,a=inf", DeviceRequest(kind: "qsim", attributes: ["a": .text("inf")])),
        ("qsim,a=0x10", DeviceRequest(kind: "qsim", attributes: ["a": .text("0x10")])),
        ("qsim,a=1e999", DeviceRequest(kind: "qsim", attributes: ["a": .text("1e999")])),
    ])
    func `a device is a kind, a number and attributes, which arrive as they are`(text: String, device: DeviceRequest)
        throws
    {
        let job = try Written.options { $0.devices = [text] }
        #expect(job.specification.resources.devices == [device])
        #expect(try Written.sent([job])[0].specification.resources.devices == [device])
    }

    @Test(arguments: [
        "", ":2", "qsim:", "qsim:0", "qsim:x", "qsim:100001", "qsim,qubits", "qsim,=1", "qsim,", "qsim,count=2",
        "qsim,kind=a",
    ])
    func `what is no device is refused`(text: String) throws {
        let refusal = try #require(Written.refusal(ofOptions: { $0.devices = [text] }))
        #expect(refusal.hasPrefix("--device is KIND[:N][,ATTRIBUTE=VALUE…], and here stands"))
    }

    @Test func `a wrong option is refused by its name`() throws {
        let wrong: [(String, (inout JobOptions) -> Void)] = [
            ("--name", { $0.name = "" }), ("--name", { $0.name = "a\nb" }), ("--label", { $0.labels = ["paper"] }),
            ("--label", { $0.labels = ["=x"] }), ("--env", { $0.environment = ["UNSET"] }),
            ("--env", { $0.environment = ["1A=x"] }),
            ("--env", { $0.environment = ["=x"] }), ("--cpus", { $0.cpus = 0 }), ("--cpus", { $0.cpus = 100_001 }),
            ("--memory", { $0.memory = "0" }), ("--memory", { $0.memory = "4XB" }), ("--gpus", { $0.gpus = "-1" }),
            ("--gpus", { $0.gpus = "1.5" }), ("--gpu-memory", { $0.gpuMemory = "big" }),
            ("--locality", { $0.locality = "rack" }),
            ("--nodes", { $0.nodes = 0 }), ("--nodes", { $0.nodes = 1_000_001 }),
            ("--constraint", { $0.constraints = ["a =="] }),
            ("--time", { $0.time = "soon" }), ("--expected-time", { $0.expectedTime = "" }),
            ("--deadline", { $0.deadline = "+" }),
            ("--deadline", { $0.deadline = "+900000000000s" }), ("--begin", { $0.begin = "2026-12-01" }),
            ("--after", { $0.after = ["41:done"] }),
            ("--after", { $0.after = [":ended"] }), ("--retry", { $0.retry = -1 }), ("--retry", { $0.retry = 1001 }),
            ("--grace", { $0.grace = "-1s" }),
            (
                "--gpu-model",
                { options in
                    options.gpus = "0"
                    options.gpuModel = "T4"
                }
            ),
        ]
        for (option, set) in wrong {
            let refusal = try #require(Written.refusal(ofOptions: set), "a wrong \(option) was taken")
            #expect(refusal.hasPrefix(option))
            #expect(refusal.hasSuffix("."))
            #expect(!refusal.contains("\n"))
        }
    }
}
