import BerthExecution
import BerthKeeping
import BerthModel
import Foundation
import Testing

/// A node with one pool, and a test that plays its agent.
final class PoolStage {
    static let keeper: String? = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = URL(fileURLWithPath: own).deletingLastPathComponent().path
        let folders = [ProcessInfo.processInfo.environment["BERTH_PROGRAMS"] ?? beside, beside]
        return folders.map { $0 + "/berth-keeper" }.first { access($0, X_OK) == 0 }
    }()
    /// The interpreter itself, and not a script of that name that looks for it.
    static let python: String? = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", "import sys; print(sys.executable)"]
        let output = Pipe()
        (process.standardOutput, process.standardError) = (output, FileHandle.nullDevice)
        guard (try? process.run()) != nil else { return nil }
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let path = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return access(path, X_OK) == 0 ? path : nil
    }()
    static let isPossible = keeper != nil && python != nil

    struct Run {
        var launch: Launch
        var end: AttemptEnd
        var output: String
        var errors: String
    }

    let folder: String
    private let python: String
    let execution: KeeperExecution
    private let events: AsyncStream<ExecutionEvent>
    private var last: UInt64 = 0
    private let node: NodeName = "here"

    init() throws {
        let (python, keeper) = (try #require(Self.python), try #require(Self.keeper))
        self.python = python
        folder = "/tmp/berth-pools-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (stream, continuation) = AsyncStream.makeStream(of: ExecutionEvent.self)
        events = stream
        var registration = NodeRegistration(name: node, inventory: Inventory())
        registration.pools = [
            PoolDefinition(name: "math", command: [python, "-m", "berth_worker", "--import", "decimal,json"])
        ]
        execution = try KeeperExecution(
            registration: registration, stateDirectory: folder, keeper: keeper,
            data: AttemptData(stateDirectory: folder), isolation: .none, allowsRoot: true, events: continuation)
    }

    deinit {
        execution.leave()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func run(_ code: String, environment: [String: EnvironmentValue] = [:]) async throws -> Run {
        try await run(command: [python, "-c", code], environment: environment)
    }

    /// Asks again until the slot has imported its modules; a test's time limit ends what never comes.
    func runWarm(_ code: String, environment: [String: EnvironmentValue] = [:]) async throws -> Run {
        while true {
            let probe = try await run("pass")
            if probe.launch.pool?.isHit == true { return try await run(code, environment: environment) }
            try #require(probe.launch.pool?.miss == .coldStart || probe.launch.pool?.miss == .starting)
        }
    }

    func run(command: [String], environment: [String: EnvironmentValue] = [:]) async throws -> Run {
        last += 1
        var specification = JobSpecification(
            name: "test", command: command, workingDirectory: folder, queue: "default")
        specification.pool = "math"
        specification.environment = environment
        let id = try #require(AttemptID("\(last)@1"))
        let user = ProcessInfo.processInfo.userName
        execution.start(
            AttemptOrder(
                attempt: Attempt(
                    id: id, fence: last, allocation: Allocation(node: node, cpus: [], coreCount: 0), plannedTime: .now),
                specification: specification, user: user, maximumGrace: .seconds(1)))
        var launch: Launch?
        for await event in events {
            switch event {
            case .launched(_, let told): launch = told
            case .ended(_, let end):
                let texts = [false, true].map { isError in
                    (try? String(
                        contentsOfFile: execution.outputFile(of: id, isStandardError: isError), encoding: .utf8)) ?? ""
                }
                execution.forget(id)
                return Run(
                    launch: try #require(launch, "\(end.message ?? "")"), end: end, output: texts[0], errors: texts[1])
            }
        }
        throw CancellationError()
    }
}
