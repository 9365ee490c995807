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
        /// nil where it never ran.
        var launch: Launch?
        var end: AttemptEnd
        var output: String
        var errors: String

        var pool: PoolUse? { launch?.pool }
    }

    /// What an attempt is given, and whose it is.
    struct Terms {
        var cpus: CPUSet = []
        var devices: [String] = []
        var memoryBytes: Int64 = 0
        var user = ProcessInfo.processInfo.userName
        var model: String?
        var environment: [String: EnvironmentValue] = [:]
        var usesPool = true
    }

    let folder: String
    private let isolation: Isolation
    private(set) var execution: KeeperExecution
    private var news: AttemptNews
    private var registration: NodeRegistration
    private var last: UInt64 = 0
    private static let node: NodeName = "here"

    /// - Parameters:
    ///   - isGrouped: whether jobs are in control groups, where there are some.
    ///   - pool: made once there is the node's folder, of which it may be.
    init(
        inventory: Inventory = Inventory(), isGrouped: Bool = false, pool: (_ folder: String) throws -> PoolDefinition
    ) throws {
        // As the agent does: a keeper may end while it is spoken to.
        signal(SIGPIPE, SIG_IGN)
        folder = "/tmp/berth-pools-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        isolation = isGrouped ? .established(key: "pools-\(folder.suffix(8))") : .none
        var registration = NodeRegistration(name: Self.node, inventory: inventory)
        registration.pools = [try pool(folder)]
        self.registration = registration
        (execution, news) = try Self.agent(registration, isolation, folder)
    }

    /// A node with a fork server that has imported two modules.
    convenience init(isGrouped: Bool = false) throws {
        try self.init(isGrouped: isGrouped) { _ in
            PoolDefinition(
                name: "pool", command: [try #require(Self.python), "-m", "berth_worker", "--import", "decimal,json"])
        }
    }

    deinit {
        execution.leave()
        isolation.leave()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func agent(_ registration: NodeRegistration, _ isolation: Isolation, _ folder: String) throws -> (
        KeeperExecution, AttemptNews
    ) {
        let (events, continuation) = AsyncStream.makeStream(of: ExecutionEvent.self)
        let execution = try KeeperExecution(
            registration: registration, stateDirectory: folder, keeper: try #require(keeper),
            data: AttemptData(stateDirectory: folder), isolation: isolation, allowsRoot: true,
            modelServers: LocalHTTP.client, events: continuation)
        return (execution, AttemptNews(events))
    }

    /// As if the agent had been killed, and another had come, with another configuration perhaps.
    func restart(changing change: (inout PoolDefinition) -> Void = { _ in }) throws -> [AttemptStatus] {
        var pool = try #require(registration.pools?.first)
        change(&pool)
        registration.pools = [pool]
        (execution, news) = try Self.agent(registration, isolation, folder)
        return execution.takeOver()
    }

    var status: PoolStatus {
        get throws { try #require(execution.poolStatuses.first) }
    }

    // MARK: - Jobs

    func start(_ command: [String], _ terms: Terms = Terms()) throws -> AttemptID {
        last += 1
        var specification = JobSpecification(
            name: "test", command: command, workingDirectory: folder, queue: "default")
        specification.pool = terms.usesPool ? "pool" : nil
        specification.model = terms.model.flatMap(ModelReference.init)
        specification.environment = terms.environment
        let id = try #require(AttemptID("\(last)@1"))
        var allocation = Allocation(node: Self.node, cpus: terms.cpus, coreCount: terms.cpus.count)
        allocation.devices = terms.devices.map {
            Allocation.DeviceShare(name: $0, kind: "gpu", thousandths: GPURequest.whole)
        }
        if terms.memoryBytes > 0 { allocation.memory = [.init(numaNode: 0, bytes: terms.memoryBytes)] }
        execution.start(
            AttemptOrder(
                attempt: Attempt(id: id, fence: last, allocation: allocation, plannedTime: .now),
                specification: specification, user: terms.user, maximumGrace: .seconds(1)))
        return id
    }

    func launch(of id: AttemptID) async throws -> Launch { try #require(try await news.launch(of: id)) }

    func end(of id: AttemptID) async throws -> Run {
        let end = try await news.end(of: id)
        let texts = [false, true].map { isError in
            (try? String(contentsOfFile: execution.outputFile(of: id, isStandardError: isError), encoding: .utf8)) ?? ""
        }
        execution.forget(id)
        return Run(launch: try await news.launch(of: id), end: end, output: texts[0], errors: texts[1])
    }

    func run(_ command: [String], _ terms: Terms = Terms()) async throws -> Run {
        try await end(of: start(command, terms))
    }

    /// Runs this code with the pool's interpreter.
    func run(python code: String, environment: [String: EnvironmentValue] = [:]) async throws -> Run {
        try await run([Self.python ?? "", "-c", code], Terms(environment: environment))
    }

    /// Asks again until the slot has imported its modules; a test's time limit ends what never comes.
    func runWarm(python code: String, environment: [String: EnvironmentValue] = [:]) async throws -> Run {
        while true {
            let probe = try await run(python: "pass")
            if probe.pool?.isHit == true { return try await run(python: code, environment: environment) }
            try #require(probe.pool?.miss == .coldStart || probe.pool?.miss == .starting)
        }
    }

    func stop(_ id: AttemptID) { execution.stop(id, reason: .cancelled, grace: .zero) }
}
