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
        for id in ["1@1", "2@1", "3@1"].compactMap({ AttemptID($0) }) { execution.forget(id) }
        execution.leave()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func order(
        _ script: String, number: Int = 1, after: [AttemptID]? = nil,
        change: (inout JobSpecification) -> Void = { _ in }
    ) throws -> AttemptOrder {
        var specification = JobSpecification(
            name: "test", command: ["/bin/sh", "-c", script], workingDirectory: folder, queue: "default")
        change(&specification)
        return AttemptOrder(
            attempt: Attempt(
                id: try #require(AttemptID("\(number)@1")), fence: 6 + UInt64(number),
                allocation: Allocation(node: "n", cpus: [], coreCount: 1),
                plannedTime: .now),
            specification: specification, user: "root", maximumGrace: .seconds(1), after: after)
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

    @Test
    func `who stands right behind an attempt begins as that has ended, and is not begun again when it is told to`()
        async throws
    {
        let first = try order("read line < fifo; echo first >> ran")
        #expect(mkfifo(folder + "/fifo", 0o600) == 0)
        execution.start(first)
        let second = try order("echo second >> ran", number: 2, after: [first.attempt.id])
        let third = try order("echo third >> ran", number: 3, after: [first.attempt.id, second.attempt.id])
        for order in [second, third] { execution.prepare(order) }
        #expect(try await news.launch(of: first.attempt.id) != nil)
        #expect(!has("ran"))
        try Data("go\n".utf8).write(to: URL(fileURLWithPath: folder + "/fifo"))
        for order in [first, second, third] { #expect(try await news.end(of: order.attempt.id).isSuccess) }
        for order in [second, third] {
            execution.start(order)
            #expect(try await news.launch(of: order.attempt.id) != nil)
        }
        #expect(try String(contentsOfFile: folder + "/ran", encoding: .utf8) == "first\nsecond\nthird\n")
        #expect(execution.withdraw(third.attempt.id), "it was told to begin, and that is settled")
    }

    @Test func `who is withdrawn does not begin, and who has begun is not withdrawn`() async throws {
        let first = try order("read line < fifo")
        #expect(mkfifo(folder + "/fifo", 0o600) == 0)
        execution.start(first)
        let second = try order("touch second", number: 2, after: [first.attempt.id])
        execution.prepare(second)
        #expect(execution.withdraw(second.attempt.id))
        let third = try order("touch third", number: 3, after: [first.attempt.id])
        execution.prepare(third)
        #expect(try await news.launch(of: first.attempt.id) != nil)
        try Data("go\n".utf8).write(to: URL(fileURLWithPath: folder + "/fifo"))
        #expect(try await news.end(of: third.attempt.id).isSuccess)
        #expect(!execution.withdraw(third.attempt.id))
        #expect(has("third") && !has("second"))
    }

    @Test func `nobody begins behind an attempt whose keeper was killed before it could say that nothing is left`()
        async throws
    {
        let first = try order("exec sleep 600")
        execution.start(first)
        let second = try order("touch second", number: 2, after: [first.attempt.id])
        execution.prepare(second)
        #expect(try await news.launch(of: first.attempt.id) != nil)
        let record = try KeeperHandle(directory: folder + "/attempts/1@1").record()
        kill(try #require(record).keeper.id, SIGKILL)
        #expect(try await news.end(of: first.attempt.id).cause == .nodeLost)
        #expect(!has("second"))
        #expect(execution.withdraw(second.attempt.id))
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
