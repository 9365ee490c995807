import BerthModel
import Foundation
import Testing

@Suite struct EventCodingTests {
    private static let attempt = AttemptID(task: TaskID(job: Job.ID(4), index: 7), number: 2)
    private static let end = AttemptEnd(
        cause: .signal, signal: 9, message: "a \"message\" — with ünicode\n", endTime: Timestamp(microseconds: -1),
        usage: Usage(userCPUTime: .milliseconds(1500), peakMemoryBytes: .max), outputs: [FileRecord(path: "m.pt")],
        reports: [Report(time: .epoch, note: "done")])

    /// A submission with every field set.
    private static func submission() throws -> Submission {
        var job = JobSpecification(
            name: "train", command: ["python3", "-c", "1"], workingDirectory: "/w", queue: "spot")
        job.script = "#!/bin/sh\ntrue\n"
        job.environment = ["B": .plain("berth-secret:no"), "A": .secret(digest: "ff"), "C": .plain("")]
        job.project = "vision"
        job.labels = Dictionary(uniqueKeysWithValues: (0..<20).map { ("label\($0)", "\($0)") })
        job.resources = ResourceRequest(
            cpus: 3, countsThreads: true, memoryBytes: 5 << 30,
            gpus: GPURequest(thousandths: 500, models: ["H100", "A100"], memoryBytes: 1, link: .nvlink),
            devices: [
                DeviceRequest(
                    kind: "qsim", count: 2,
                    attributes: [
                        "qubits": .number(28), "exact": .flag(true), "precision": .text("double"),
                        "gates": .list(["x", "h"]),
                    ])
            ],
            locality: Locality(.numa, isWish: true), nodes: 1, isExclusive: true)
        job.alternatives = [ResourceRequest(cpus: 64)]
        job.constraints = [try Expression("node.label.zone == 'b'")]
        job.timeLimit = .seconds(90)
        job.expectedTime = .milliseconds(1)
        job.deadline = Timestamp(microseconds: 1_796_112_000_000_001)
        job.begin = .epoch
        job.isHeld = true
        job.retry = RetryPolicy(attempts: 3, on: Set(RetryPolicy.Failure.allCases), backoff: .init(jitter: 0.1))
        job.grace = .seconds(60)
        job.checkpointDirectory = "/c"
        job.dependencies = [Dependency(job: Job.ID(1), condition: .started)]
        job.array = ArraySpecification(indices: IndexRanges("0-9,12") ?? IndexRanges(), parallel: 3, values: ["a"])
        job.pool = "torch"
        job.model = ModelReference("resnet:3")
        job.inputs = ["in"]
        job.outputs = ["out"]
        job.standardOutput = "/o"
        job.standardError = "/e"
        job.code = CodeState(repository: "r", commit: "c", isDirty: true)
        return Submission(
            id: Job.ID(.max), specification: job, user: "ada", submitTime: .epoch, key: "k", contentDigest: "d",
            unmetDependencies: job.dependencies,
            reopened: .init(tasks: IndexRanges(0..<3), attempts: [0: 1, 2: 4], ended: Job.Tally(failed: 2)))
    }

    /// One event of each kind, all of their fields set.
    private static func events() throws -> [ClusterEvent] {
        var queue = Queue(name: "q", tier: -3, isPreemptible: true, nodes: try Expression("node.cores > 8"))
        queue.maximumRunning = 5
        queue.maximumTime = .seconds(7)
        var machine = NodeRegistration.machine("n1")
        machine.labels = ["zone": "b", "rack": "7"]
        machine.isLeaving = true
        machine.stack = MachineStack(hostName: "h", drivers: ["nvidia": "580", "amdgpu": "6"])
        machine.inventory.devices.append(
            Device(
                name: "qsim1", kind: "qsim", vendor: "v", model: "m", pciAddress: "0000:3b:00.0", uuid: "u",
                memoryBytes: 1,
                numaNodes: [0], count: 3, attributes: ["maxQubits": .number(30)],
                memoryRule: try MemoryRule("16 * 2^qubits"),
                environment: ["A": "b"], health: .unusable("why"), isDeclared: true))
        machine.inventory.links = [.init(from: "gpu0", to: "gpu1", kind: .xgmi, megabytesPerSecond: 9)]
        let submission = try submission()
        let given = Attempt(
            id: attempt, fence: .max,
            allocation: Allocation(
                node: "n1", cpus: [0, 5], coreCount: 2, memory: [.init(numaNode: 1, bytes: 8)],
                devices: [.init(name: "gpu0", kind: "gpu", thousandths: 250)], shape: 1, isExclusive: true),
            plannedTime: .epoch)
        let score = PlacementScore(
            fragmentation: 1, unaskedDevices: 2, coresLeft: 5, memoryLeftMiB: 6)
        let decision = Decision(
            policy: "p", saw: "s", jobsAhead: 1, nodesConsidered: 2,
            candidates: [.init(node: "n1", shape: 0, score: score)], rejected: ["cores": 3, "memory": 1, "gpu": 2])
        let launch = Launch(
            startTime: .epoch, processID: 7, bound: Binding(cpus: [1], numaNodes: [0], devices: ["gpu0"], notes: ["n"]),
            inputs: [FileRecord(path: "a", sha256: "b", bytes: 3)])
        let report = Report(time: .epoch, progress: 0.1, note: "n", checkpoint: "c", metrics: ["loss": 0.1, "a": 1])
        let outcome = Outcome(state: .timedOut, reason: .timeLimit, exitCode: 1, signal: 2, message: "m")
        let family = JobFamily(user: "ada", project: "", name: "train-#")
        let familyHold = JobHold(cause: .failures(of: family), count: 20, last: attempt, text: "exit code 1")
        let lossHold = JobHold(cause: .losses(of: attempt.task), count: 10, last: attempt, text: "lost")
        let trouble = NodeTrouble(kind: .launch, time: .epoch, attempt: attempt, family: family, text: "full")
        return [
            .configured(ClusterConfiguration(queues: [queue], defaultQueue: "q")), .submitted(submission),
            .jobsHeld(jobs: [Job.ID(1), Job.ID(3)], familyHold), .jobsHeld(jobs: [], lossHold),
            .familyReleased(family, jobs: [Job.ID(1)]),
            .nodeDrained("n1", Node.Drain(reason: "r", by: "berth", evidence: [trouble])),
            .foreseen(job: Job.ID(1), WaitForecast(draws: [1, 60, 0.3], at: .epoch)),
            .reopened(submission, by: "ada"), .held(job: Job.ID(1), by: "ada"), .released(job: Job.ID(1), by: "ada"),
            .started(given, decision), .launched(attempt: attempt, launch), .reported(attempt: attempt, report),
            .stopping(attempt: attempt, .preempted, by: "ada"),
            .attemptEnded(attempt: attempt, end, then: .ended(outcome)),
            .attemptEnded(attempt: attempt, end, then: .waits(notBefore: .epoch, countsAsRetry: true)),
            .attemptEnded(attempt: attempt, end, then: .waits(notBefore: nil, countsAsRetry: false)),
            .tasksEnded(job: Job.ID(1), tasks: IndexRanges([1, 3]), outcome, by: "ada"), .nodeJoined(machine),
            .nodeReturned("n1"), .nodeLost("n1"), .nodeDrained("n1", Node.Drain(reason: "r", by: "b")),
            .nodeUndrained("n1", by: "b"), .staleAttemptEnded(attempt: attempt, node: "n1", end),
        ]
    }

    private func encoded(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return try encoder.encode(value)
    }

    @Test func `every kind of event is among those that are tried`() throws {
        let kinds: Set = [
            "configured", "submitted", "reopened", "held", "released", "started", "launched", "reported", "stopping",
            "jobsHeld", "familyReleased", "attemptEnded", "tasksEnded", "nodeJoined", "nodeReturned", "nodeLost",
            "nodeDrained", "nodeUndrained", "foreseen",
            "staleAttemptEnded",
        ]
        #expect(Set(try Self.events().map(\.name)) == kinds)
    }

    @Test func `every event is read back as it was written`() throws {
        for (number, event) in try Self.events().enumerated() {
            let recorded = RecordedEvent(sequence: UInt64(number), time: .epoch, event: event)
            #expect(try JSONDecoder().decode(RecordedEvent.self, from: encoded(recorded)) == recorded)
        }
    }

    @Test func `equal events are written as equal bytes`() throws {
        // Built anew each time: sets and dictionaries with the same members come in different orders.
        let first = try Self.events().map(encoded)
        for _ in 0..<20 { #expect(try Self.events().map(encoded) == first) }
    }

    @Test func `every event is written into the journal as Foundation would write it`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for event in try Self.events() {
            #expect(try CanonicalJSON.text(of: event) == String(decoding: encoder.encode(event), as: UTF8.self))
        }
    }

    @Test func `a policy's failures are written in one order, however they were put together`() throws {
        let failures = RetryPolicy.Failure.allCases
        let first = try encoded(RetryPolicy(attempts: 1, on: Set(failures)))
        for rotation in failures.indices {
            var set = Set<RetryPolicy.Failure>(minimumCapacity: 1 << rotation)
            for failure in failures[rotation...] + failures[..<rotation] { set.insert(failure) }
            #expect(try encoded(RetryPolicy(attempts: 1, on: set)) == first)
        }
    }

    @Test func `no text that a user writes is taken for a secret`() throws {
        for text in ["berth-secret:ff", "{\"secret\":\"ff\"}", ""] {
            let value = EnvironmentValue.plain(text)
            #expect(try JSONDecoder().decode(EnvironmentValue.self, from: encoded(value)) == value)
        }
    }

    @Test(arguments: ["\"x\"", "\"0\"", "\"1.\"", "7"])
    func `a name that is none is refused when it is read`(json: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(TaskID.self, from: Data(json.utf8)) }
    }

    @Test func `a whole cluster is read back as it was written`() throws {
        var site = try Site(nodes: 2)
        let job = try site.submitted(tasks: 3)
        _ = try site.submitted(after: [Dependency(job: job)])
        try site.waitsAgain(try site.running(job, 0))
        _ = try site.running(job, 1, on: "n2")
        #expect(try JSONDecoder().decode(Cluster.self, from: encoded(site.cluster)) == site.cluster)
    }
}
