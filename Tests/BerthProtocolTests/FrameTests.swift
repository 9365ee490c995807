import BerthModel
import BerthProtocol
import Foundation
import Testing

/// What controller and agents say to each other, there and back through the wire's own types.
@Suite struct FrameTests {
    private static let attempt = AttemptID(task: TaskID(job: Job.ID(42), index: 7), number: 2)
    private static let time = Timestamp(microseconds: 1_790_000_000_000_001)

    private static var registration: NodeRegistration {
        let inventory = Inventory(
            packages: [.init(number: 0, model: "Ünusual", cpus: CPUSet(0..<4))],
            numaNodes: [.init(number: 0, cpus: CPUSet(0..<4), memoryBytes: 1 << 40)],
            cores: [.init(index: 0, number: 0, package: 0, numaNode: 0, cpus: CPUSet(0..<4))], cpus: CPUSet(0..<4),
            devices: [Device(name: "qsim0", kind: "qsim", count: 2, attributes: ["maxQubits": .number(30)])],
            memoryBytes: 1 << 40, cpuModel: "A \"quoted\" model", architecture: "x86_64", instructionSets: ["avx2"])
        var registration = NodeRegistration(
            name: "n1", labels: ["zone": "a/b"], reservedCPUs: 1, reservedMemoryBytes: 5, inventory: inventory,
            inventoryDigest: "d", stack: MachineStack(hostName: "h", drivers: ["nvidia": "580"]), agentVersion: "1.0",
            isolation: "process group")
        registration.isLeaving = true
        return registration
    }

    private static var launch: Launch {
        Launch(
            startTime: time, processID: 7,
            bound: Binding(cpus: [1], numaNodes: [0], devices: ["gpu0"], notes: ["a\nb"]),
            inputs: [FileRecord(path: "in", sha256: "aa", bytes: 3), FileRecord(path: "no", problem: "gone")])
    }

    private static var end: AttemptEnd {
        AttemptEnd(
            cause: .signal, signal: 9, message: "m", endTime: time,
            usage: Usage(userCPUTime: .seconds(1), systemCPUTime: .milliseconds(2), peakMemoryBytes: 3),
            outputs: [FileRecord(path: "out")], reports: [report])
    }

    private static var report: Report {
        Report(time: time, progress: 0.125, note: "ü", checkpoint: "/c", metrics: ["loss": 1e-300, "gain": -0.0])
    }

    private static var order: AttemptOrder {
        var specification = JobSpecification(name: "j", command: ["a", ""], workingDirectory: "/w", queue: "batch")
        specification.environment = ["A": .plain("{\"secret\":\"x\"}"), "B": .secret(digest: "d")]
        specification.timeLimit = .seconds(90)
        specification.retry = RetryPolicy(attempts: 2)
        specification.array = ArraySpecification(values: ["x", "y"], parallel: 1)
        let allocation = Allocation(
            node: "n1", cpus: [1, 3], coreCount: 2, memory: [.init(numaNode: 0, bytes: 1 << 33)],
            devices: [.init(name: "gpu0", kind: "gpu", thousandths: 500)])
        return AttemptOrder(
            attempt: Attempt(id: attempt, fence: .max, allocation: allocation, plannedTime: time),
            specification: specification, user: "ada", maximumGrace: .seconds(600))
    }

    private static var agentFrames: [AgentFrame] {
        let phases: [AttemptStatus.Phase] = [
            .ordered, .running(launch), .ended(end, launch: nil), .ended(end, launch: launch),
        ]
        let statuses = phases.map { AttemptStatus(attempt: attempt, fence: 3, phase: $0) }
        let plain = AttemptID(task: TaskID(job: Job.ID(.max)), number: 1)
        return [
            .message(.hello(registration, statuses), topologyXML: [0, 255, 60]), .message(.hello(registration, [])),
            .message(.heartbeat), .message(.report(attempt: attempt, fence: .max, report)),
            .message(.report(attempt: plain, fence: 0, Report(time: .epoch))), .logPart(LogPart(request: .max)),
            .logPart(LogPart(request: 1, data: [0, 1, 255], isAtEnd: true)),
            .logPart(LogPart(request: 2, problem: "It is gone.")),
            .logPart(LogPart(request: 3, data: [10], nextOffset: 1 << 40)),
            .dataPart(DataAnswer(request: 4, part: DataPart(data: [0, 255], total: .max))),
            .dataPart(DataAnswer(request: .max, part: DataPart(isPending: true))),
            .dataPart(DataAnswer(request: 5, part: DataPart(problem: "It is gone."))),
            .pools([]),
            .pools([
                PoolStatus(
                    pool: "torch", idleSlots: 1, busySlots: 2, hits: 3, misses: [.init(reason: .coldStart, count: 4)],
                    secondsSaved: 5.5)
            ]),
        ] + questions.map { .readData($0) }
            + statuses.map { .message(.update($0)) }
    }

    private static var questions: [DataQuestion] {
        let task = attempt.task
        return [
            DataQuestion(
                request: 1, node: "n2", subject: DataRequest(task: task, path: "a b/ü", offset: .max, limit: 5)),
            DataQuestion(request: .max, node: "n2", subject: DataRequest(task: task, offset: 0, limit: 0)),
            DataQuestion(
                request: 2, node: "n2",
                subject: DataRequest(task: task, staged: String(repeating: "0f", count: 32), offset: 1, limit: 2)),
        ]
    }

    private static var controllerFrames: [ControllerFrame] {
        let reasons: [StopReason] = [.cancelled, .requeued, .drained, .preempted, .memberFailed, .stale]
        return [
            .welcome(heartbeatInterval: .seconds(5)), .welcome(heartbeatInterval: .milliseconds(1)),
            .message(.start(order)), .message(.acknowledge(attempt: attempt, fence: .max)),
            .readLog(
                LogRequest(
                    request: 1, attempt: attempt, isStandardError: true, file: "/a b/ü", user: "ada", offset: .max,
                    limit: 5,
                    wait: .milliseconds(1500))),
            .readLog(
                LogRequest(
                    request: .max, attempt: attempt, isStandardError: false, file: nil, user: "ada", offset: 0,
                    limit: 0, wait: .zero
                )),
            .dataPart(DataAnswer(request: 4, part: DataPart(data: [0, 255], total: 2))),
        ] + questions.map { .readData($0) }
            + reasons.map { .message(.stop(attempt: attempt, fence: 4, $0)) }
    }

    @Test func `whatever an agent says arrives as it was said`() throws {
        for frame in Self.agentFrames { #expect(try AgentFrame(frame.wire()) == frame) }
    }

    @Test func `whatever the controller says arrives as it was said`() throws {
        for frame in Self.controllerFrames { #expect(try ControllerFrame(frame.wire()) == frame) }
    }

    @Test func `times are told in whole milliseconds, and none is too long`() throws {
        let welcome = ControllerFrame.welcome(heartbeatInterval: .microseconds(1999))
        #expect(try ControllerFrame(welcome.wire()) == .welcome(heartbeatInterval: .milliseconds(1)))
        let negative = ControllerFrame.welcome(heartbeatInterval: .seconds(-1))
        #expect(try ControllerFrame(negative.wire()) == .welcome(heartbeatInterval: .zero))
        var wire = Berth_V1_ControllerFrame()
        wire.welcome.heartbeatMilliseconds = .max
        #expect(try ControllerFrame(wire) == .welcome(heartbeatInterval: .milliseconds(Int64.max)))
    }

    // MARK: - What is no frame

    @Test func `a frame of no kind, or of a kind that is not known here, is malformed`() {
        #expect(throws: MalformedFrame.self) { try AgentFrame(Berth_V1_AgentFrame()) }
        #expect(throws: MalformedFrame.self) { try ControllerFrame(Berth_V1_ControllerFrame()) }
    }

    @Test(arguments: [
        "", "42", "42@0", "42.@1", "@", "42@1@2", "-1@1", "99999999999999999999@1", "42@99999999999999999999",
    ])
    func `a frame that names no attempt is malformed`(name: String) {
        var report = Berth_V1_AgentFrame()
        report.report.attempt = name
        report.report.report = Data("{\"time\":0,\"metrics\":{}}".utf8)
        #expect(throws: MalformedFrame.self) { try AgentFrame(report) }
        var stop = Berth_V1_ControllerFrame()
        stop.stop.attempt = name
        stop.stop.reason = "cancelled"
        var acknowledge = Berth_V1_ControllerFrame()
        acknowledge.acknowledge.attempt = name
        var readLog = Berth_V1_ControllerFrame()
        readLog.readLog.attempt = name
        for frame in [stop, acknowledge, readLog] {
            #expect(throws: MalformedFrame.self) { try ControllerFrame(frame) }
        }
    }

    @Test(arguments: ["", "Cancelled", "boredom", "cancelled "])
    func `a stop for a reason that is none is malformed`(reason: String) {
        var wire = Berth_V1_ControllerFrame()
        wire.stop.attempt = "42@1"
        wire.stop.reason = reason
        let error = #expect(throws: MalformedFrame.self) { try ControllerFrame(wire) }
        #expect(error?.description == "The controller gave the unknown reason \"\(reason)\" for a stop.")
    }

    @Test(arguments: ["", "{", "null", "[]", "{}", "17", "\"text\"", "{\"name\":1}", "\u{0}", "[[[[[[[["])
    func `a frame whose JSON is not what it should be is malformed`(text: String) throws {
        let data = Data(text.utf8)
        var hello = Berth_V1_AgentFrame()
        hello.hello.registration = data
        hello.hello.statuses = Data("[]".utf8)
        var update = Berth_V1_AgentFrame()
        update.update.status = data
        var report = Berth_V1_AgentFrame()
        report.report.attempt = "42@1"
        report.report.report = data
        for frame in [hello, update, report] {
            #expect(throws: MalformedFrame.self) { try AgentFrame(frame) }
        }
        var start = Berth_V1_ControllerFrame()
        start.start.order = data
        #expect(throws: MalformedFrame.self) { try ControllerFrame(start) }
    }

    @Test func `a hello whose statuses cannot be read is malformed, however good its registration is`() throws {
        var wire = try AgentFrame.message(.hello(Self.registration, [])).wire()
        wire.hello.statuses = Data("{}".utf8)
        #expect(throws: MalformedFrame.self) { try AgentFrame(wire) }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `bytes of any kind in a frame are read or refused`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func spoiled(_ data: Data) -> Data {
            var bytes = Array(data)
            for _ in 0...Int.random(in: 0..<6, using: &random) {
                guard let place = bytes.indices.randomElement(using: &random) else { break }
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                }
            }
            return Data(bytes)
        }
        for frame in Self.agentFrames {
            var wire = try frame.wire()
            switch wire.kind {
            case .hello(let hello): wire.hello.registration = spoiled(hello.registration)
            case .update(let update): wire.update.status = spoiled(update.status)
            case .report(let report): wire.report.report = spoiled(report.report)
            case .heartbeat(let heartbeat): wire.heartbeat.pools = spoiled(heartbeat.pools)
            case .dataPart(let part): wire.dataPart.data = spoiled(part.data)
            case .readData(let question):
                wire.readData.path = String(decoding: spoiled(Data(question.path.utf8)), as: UTF8.self)
            case .logPart, nil: continue
            }
            do { _ = try AgentFrame(wire) } catch { #expect(error is MalformedFrame) }
        }
        var wire = try ControllerFrame.message(.start(Self.order)).wire()
        wire.start.order = spoiled(wire.start.order)
        do { _ = try ControllerFrame(wire) } catch { #expect(error is MalformedFrame) }
    }
}
