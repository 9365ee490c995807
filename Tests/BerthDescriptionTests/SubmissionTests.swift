import BerthDescription
import BerthModel
import Foundation
import Testing

/// What the command line sends is what the controller reads.
struct SubmissionTests {
    @Test func `a job with every field set arrives as it was sent`() throws {
        let job = try JobDescriptionTests.everythingSpecified
        #expect(try Written.sent(job) == job)
    }

    @Test func `a smallest job arrives as it was sent`() throws {
        let job = JobSpecification(name: "a", command: ["a"], workingDirectory: "/", queue: "spot")
        #expect(try Written.sent(job) == job)
    }

    @Test func `a job for the default queue gets the controller's`() throws {
        let job = JobSpecification(name: "a", command: ["a"], workingDirectory: "/", queue: "")
        #expect(try Written.sent(job).queue == "batch")
    }

    @Test func `the key, names among jobs and their order arrive`() throws {
        let jobs = try Written.jobs(
            "name: a\ncommand: [a]\n---\nname: b\ncommand: [b]\nafter: [{job: a, when: failed}]\n")
        let bytes = Array(try JobDescription.body(jobs, key: "k \"1\" é"))
        let (key, read) = try JobDescription.submission(bytes, Written.context)
        #expect(key == "k \"1\" é")
        #expect(read.map(\.specification) == jobs.map(\.specification))
        #expect(read[1].afterNames.map(\.name) == ["a"])
        #expect(read[1].afterNames.map(\.condition) == [.failed])
    }

    @Test func `the same submission is written in the same letters each time`() throws {
        let jobs = [JobDescription(try JobDescriptionTests.everythingSpecified)]
        #expect(try JobDescription.body(jobs, key: "k") == JobDescription.body(jobs, key: "k"))
    }

    @Test(arguments: [
        "", " ", "a b", "\"quoted\"", "'", "back\\slash", "tab\t", "line\nline\r\n", "\u{1B}[31mred", "\u{7F}",
        "\u{85}next", "\u{9B}",
        "\u{2028} line", "  \u{2029}  ", "\u{FEFF}mark", "\u{FFFE}", "é", "e\u{301}", "😀", "null", "true", "~", "1e999",
        "nan", "*alias",
        "&anchor", "!tag", "{[", "]}", "# no comment", "key: value", "---", "%", "</script>",
    ])
    func `any text arrives letter by letter`(text: String) throws {
        var job = JobSpecification(name: "a", command: ["a", text], workingDirectory: "/w", queue: "batch")
        job.environment = ["A": .plain(text)]
        job.labels = ["a": text]
        job.project = text
        job.inputs = [text]
        job.array = ArraySpecification(values: [text, text])
        job.resources.devices = [DeviceRequest(kind: "q", attributes: ["a": .text(text), "b": .list([text])])]
        job.code = CodeState(repository: text, commit: text, isDirty: false)
        let read = try Written.sent(job)
        #expect(read == job)
        // Equal texts may still differ in their bytes.
        #expect(Array((read.command.last ?? "").utf8) == Array(text.utf8))
        let script = "#!/bin/sh\n" + text
        job.command = []
        job.script = script
        #expect(try Array((Written.sent(job).script ?? "").utf8) == Array(script.utf8))
    }

    @Test func `JSON in ASCII alone is read as well`() throws {
        let text = #"{"key":"k","jobs":[{"command":["echo","\ud83d\ude00 \u00e9 \u001b \/ \b\f"]}]}"#
        #expect(
            try JobDescription.submission(Array(text.utf8), Written.context).jobs[0].specification.command == [
                "echo", "😀 é \u{1B} / \u{8}\u{C}",
            ])
    }

    @Test(
        arguments: [1, 50, 99, 100, 999_999, 1_000_001, 12_500_000, 86_400_000_000, 3_155_760_000_123_456] as [Int64])
    func `a time arrives to the microsecond`(microseconds: Int64) throws {
        var job = JobSpecification(name: "a", command: ["a"], workingDirectory: "/", queue: "batch")
        job.timeLimit = .microseconds(microseconds)
        job.retry = RetryPolicy(attempts: 1, backoff: .init(initial: .microseconds(microseconds)))
        job.begin = Timestamp(microseconds: microseconds)
        #expect(try Written.sent(job) == job)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `any job arrives as it was sent`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let job = try JobSpecification.random(using: &random)
        #expect(try Written.sent(job) == job)
    }
}

extension JobSpecification {
    /// A job with about half of its fields set, each to anything that it may be.
    static func random(using random: inout SeededGenerator) throws -> JobSpecification {
        func texts(_ random: inout SeededGenerator) -> [String] {
            (0..<Int.random(in: 0...3, using: &random)).map { _ in text(&random) }
        }
        func duration(_ random: inout SeededGenerator) -> Duration {
            .microseconds(Int64.random(in: 0...1 << Int64.random(in: 0...50, using: &random), using: &random))
        }
        func instant(_ random: inout SeededGenerator) -> Timestamp {
            Timestamp(microseconds: Int64.random(in: 0...4_000_000_000_000_000, using: &random))
        }
        var job = JobSpecification(
            name: "job-\(Int.random(in: 0...99, using: &random))",
            workingDirectory: "/w/" + "\(UInt8.random(in: 0...9, using: &random))",
            queue: ["batch", "spot"].randomElement(using: &random) ?? "batch")
        if random.next() & 1 == 0 {
            job.command = ["run"] + texts(&random)
        } else {
            job.script = "run " + text(&random)
        }
        for index in 0..<Int.random(in: 0...3, using: &random) { job.environment["V\(index)"] = .plain(text(&random)) }
        for index in 0..<Int.random(in: 0...3, using: &random) { job.labels["l\(index) é"] = text(&random) }
        if random.next() & 1 == 0 { job.project = text(&random) }
        job.resources = resources(&random)
        job.alternatives = (0..<Int.random(in: 0...2, using: &random)).map { _ in resources(&random) }
        if random.next() & 1 == 0 { job.constraints = [try Expression("a.b-c >= 1.5GiB and not (d has \"e\")")] }
        if random.next() & 1 == 0 { job.timeLimit = duration(&random) }
        if random.next() & 1 == 0 { job.expectedTime = duration(&random) }
        if random.next() & 1 == 0 { job.deadline = instant(&random) }
        if random.next() & 1 == 0 { job.begin = instant(&random) }
        job.isHeld = random.next() & 1 == 0
        if random.next() & 1 == 0 {
            job.retry = RetryPolicy(
                attempts: Int.random(in: 0...1000, using: &random),
                on: Set(RetryPolicy.Failure.allCases.filter { _ in random.next() & 1 == 0 }),
                backoff: .init(
                    initial: duration(&random), factor: Double.random(in: 1...100, using: &random),
                    maximum: duration(&random),
                    jitter: Double.random(in: 0...1, using: &random)))
        }
        if random.next() & 1 == 0 { job.grace = duration(&random) }
        if random.next() & 1 == 0 { job.checkpointDirectory = "/c/ \(text(&random).filter { $0 != "/" })x" }
        job.dependencies = (0..<Int.random(in: 0...2, using: &random)).map { _ in
            Dependency(
                job: Job.ID(UInt64.random(in: 1...UInt64.max, using: &random)),
                condition: Dependency.Condition.allCases.randomElement(using: &random) ?? .ended)
        }
        switch random.next() % 3 {
        case 0:
            job.array = ArraySpecification(
                indices: IndexRanges((0..<20).map { _ in Int.random(in: 0...1 << 20, using: &random) }))
        case 1:
            job.array = ArraySpecification(
                values: ["a"] + texts(&random), parallel: Int.random(in: 1...9, using: &random))
        default: break
        }
        if random.next() & 1 == 0 { job.pool = text(&random) }
        job.inputs = texts(&random)
        job.outputs = texts(&random)
        if random.next() & 1 == 0 { job.standardOutput = "/out/é \"1\"" }
        if random.next() & 1 == 0 { job.standardError = "/error" }
        if random.next() & 1 == 0 {
            job.code = CodeState(repository: text(&random), commit: text(&random), isDirty: random.next() & 1 == 0)
        }
        return job
    }

    private static func resources(_ random: inout SeededGenerator) -> ResourceRequest {
        var request = ResourceRequest(
            cpus: Int.random(in: 1...100_000, using: &random), countsThreads: random.next() & 1 == 0)
        if random.next() & 1 == 0 { request.memoryBytes = Int64.random(in: 1...Int64.max, using: &random) }
        if random.next() & 1 == 0 {
            let thousandths =
                random.next() & 1 == 0
                ? Int.random(in: 1...999, using: &random) : Int.random(in: 1...1000, using: &random) * 1000
            request.gpus = GPURequest(
                thousandths: thousandths, models: ["H100", "a b"].filter { _ in random.next() & 1 == 0 },
                memoryBytes: random.next() & 1 == 0 ? Int64.random(in: 1...Int64.max, using: &random) : nil,
                link: [nil, .nvlink, .xgmi].randomElement(using: &random) ?? nil)
        }
        for index in 0..<Int.random(in: 0...2, using: &random) {
            var device = DeviceRequest(kind: "kind\(index)", count: Int.random(in: 1...100_000, using: &random))
            device.attributes["number"] = .number(Double.random(in: -1e20...1e20, using: &random))
            device.attributes["whole"] = .number(Double(Int32.random(in: .min ... .max, using: &random)))
            device.attributes["text"] = .text(text(&random))
            device.attributes["flag"] = .flag(random.next() & 1 == 0)
            device.attributes["list"] = .list([text(&random), "1"])
            request.devices.append(device)
        }
        request.locality = Locality(
            Locality.Level.allCases.randomElement(using: &random) ?? .node, isWish: random.next() & 1 == 0)
        request.nodes = Int.random(in: 1...1_000_000, using: &random)
        request.isExclusive = random.next() & 1 == 0
        return request
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let scalars: [Unicode.Scalar] = (0..<Int.random(in: 1...12, using: &random)).map { _ in
            let limit: UInt32 = random.next() & 1 == 0 ? 0x7F : 0x1_FFFF
            return Unicode.Scalar(UInt32.random(in: 1...limit, using: &random)) ?? "x"
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
