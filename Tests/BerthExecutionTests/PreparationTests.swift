import BerthExecution
import BerthKeeping
import BerthModel
import Foundation
import Glibc
import Testing

/// Attempts for which a node gets ready before they are recorded.
@Suite(.enabled(if: PoolStage.keeper != nil, "berth-keeper is not built."))
final class PreparationTests {
    private let folder = "/tmp/berth-preparation-\(UUID().uuidString.prefix(8))"
    private let execution: KeeperExecution
    private let news: AttemptNews

    init() throws {
        signal(SIGPIPE, SIG_IGN)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (events, continuation) = AsyncStream.makeStream(of: ExecutionEvent.self)
        execution = try KeeperExecution(
            registration: NodeRegistration(name: "n", inventory: Inventory()), stateDirectory: folder,
            keeper: try #require(PoolStage.keeper), data: AttemptData(stateDirectory: folder), isolation: .none,
            allowsRoot: true, modelServers: LocalHTTP.client, events: continuation)
        news = AttemptNews(events)
    }

    deinit {
        execution.giveUpPrepared { _ in false }
        if let id = AttemptID("1@1") { execution.forget(id) }
        execution.leave()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func order(_ script: String, change: (inout JobSpecification) -> Void = { _ in }) throws -> AttemptOrder {
        var specification = JobSpecification(
            name: "test", command: ["/bin/sh", "-c", script], workingDirectory: folder, queue: "default")
        change(&specification)
        return AttemptOrder(
            attempt: Attempt(
                id: try #require(AttemptID("1@1")), fence: 7, allocation: Allocation(node: "n", cpus: [], coreCount: 1),
                plannedTime: .now),
            specification: specification, user: "root", maximumGrace: .seconds(1))
    }

    private var isReady: Bool { has("attempts/1@1/announced") }
    private func has(_ name: String) -> Bool { access(folder + "/" + name, F_OK) == 0 }

    @Test func `what is ready starts when it is told to, and has done nothing before`() async throws {
        let order = try order("echo $BERTH_ATTEMPT > ran")
        execution.prepare(order)
        #expect(isReady)
        #expect(!has("ran"))
        execution.start(order)
        let end = try await news.end(of: order.attempt.id)
        #expect(end.isSuccess && has("ran"))
        #expect(try await news.launch(of: order.attempt.id) != nil)
    }

    @Test func `what is given up leaves its name to another`() async throws {
        execution.prepare(try order("touch first"))
        #expect(isReady)
        execution.giveUpPrepared { _ in false }
        #expect(!has("attempts/1@1") && !has("checkpoints/1"))
        let second = try order("touch second")
        execution.start(second)
        #expect(try await news.end(of: second.attempt.id).isSuccess)
        #expect(has("second") && !has("first"))
    }

    @Test func `what is started otherwise than it was announced starts as it is told`() async throws {
        execution.prepare(try order("touch first"))
        let second = try order("touch second")
        execution.start(second)
        #expect(try await news.end(of: second.attempt.id).isSuccess)
        #expect(has("second") && !has("first"))
    }

    @Test func `what cannot be got ready fails when it is started, with its reason`() async throws {
        let order = try order("true") { $0.workingDirectory = "/no/such/place" }
        execution.prepare(order)
        execution.start(order)
        let end = try await news.end(of: order.attempt.id)
        #expect(end.cause == .launchFailed && end.message?.contains("/no/such/place") == true)
    }

    @Test(arguments: 0..<3) func `nothing that a user could see is made before the start`(kind: Int) throws {
        let order = try order("true") { specification in
            switch kind {
            case 0: specification.checkpointDirectory = folder + "/theirs"
            case 1: specification.published = ["theirs"]
            default: specification.standardOutput = folder + "/theirs"
            }
        }
        execution.prepare(order)
        #expect(!isReady && !has("theirs"))
    }
}
