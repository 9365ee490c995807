import BerthExecution
import BerthKeeping
import BerthModel
import Foundation
import Testing

/// Jobs of a pool of model servers, with real keepers and servers that speak the protocol.
@Suite(.enabled(if: PoolStage.isPossible), .serialized)
struct ModelServerTests {
    @Test(.timeLimit(.minutes(20)))
    func `the first job waits until its server is ready and has its model, and the next finds both`() async throws {
        let stage = try PoolStage.serving("--delay", "0.2", "--load-delay", "0.1")
        let first = try await stage.run(PoolStage.tells, .init(model: "resnet:3"))
        #expect(first.pool?.miss == .coldStart && first.pool?.secondsSaved == nil)
        #expect(first.pool?.secondsWaited ?? 0 > 0.3)
        #expect(first.output.hasPrefix("http://127.0.0.1:") && first.output.hasSuffix(" resnet 3\n"))

        let next = try await stage.run(PoolStage.tells, .init(model: "resnet:3"))
        #expect(next.pool?.isHit == true && next.pool?.secondsWaited == nil)
        #expect(next.pool?.secondsSaved ?? 0 > 0.3)
        #expect(next.output == first.output)
        let other = try await stage.run(PoolStage.tells, .init(model: "bert"))
        #expect(other.pool?.miss == .modelNotLoaded)
        let status = try stage.status
        #expect(status.hits == 1 && status.misses.map(\.reason) == [.coldStart, .modelNotLoaded])
        #expect(status.idleSlots == 1 && status.secondsSaved > 0.3)
    }

    @Test(.timeLimit(.minutes(20)))
    func `two jobs at once share a server and the loading of their model`() async throws {
        let stage = try PoolStage.serving("--load-delay", "0.2")
        let jobs = try [0, 1].map { _ in try stage.start(PoolStage.tells, .init(model: "resnet")) }
        let runs = [try await stage.end(of: jobs[0]), try await stage.end(of: jobs[1])]
        #expect(runs[0].output == runs[1].output)
        #expect(runs.allSatisfy { $0.end.exitCode == 0 && $0.pool?.isHit == false })
        #expect(try stage.facts(after: runs[0]).loads == 1)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a server may listen on a Unix socket, and a job may leave the model to itself`() async throws {
        let stage = try PoolStage.serving(listening: ["--socket", "{socket}"])
        let run = try await stage.run(PoolStage.tells)
        #expect(run.output.hasPrefix("http+unix://%2F") && !run.output.contains("resnet"))
        #expect(try stage.facts(after: run).loads == 0)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a model that cannot be loaded keeps its job from starting, and the server's words say why`() async throws {
        let stage = try PoolStage.serving()
        let run = try await stage.run(PoolStage.tells, .init(model: "missing"))
        #expect(run.end.cause == .launchFailed && run.launch == nil)
        #expect(
            run.end.message
                == "The model missing cannot be loaded: it answered 400: {\"error\": \"failed to load 'missing': there is no such model\"}."
        )
        #expect(try await stage.run(PoolStage.tells, .init(model: "resnet")).pool?.miss == .modelNotLoaded)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a server that takes no orders to load is asked whether it has the model`() async throws {
        let stage = try PoolStage.serving("--no-repository")
        #expect(try await stage.run(PoolStage.tells, .init(model: "standing")).end.exitCode == 0)
        let run = try await stage.run(PoolStage.tells, .init(model: "resnet"))
        #expect(run.end.cause == .launchFailed)
        #expect(run.end.message?.contains("has no model resnet ready, and to load it it answered 404") == true)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a server that ends at its start fails the job with its last words, and is left alone for a while`()
        async throws
    {
        let stage = try PoolStage.serving("--fail", within: .seconds(1))
        let first = try await stage.run(PoolStage.tells)
        #expect(first.end.cause == .launchFailed)
        #expect(
            first.end.message
                == "The model server of pool pool ended with exit code 1 (its last words: there is no GPU here).")
        let second = try await stage.run(PoolStage.tells)
        #expect(second.end.message?.contains("1 time in a row; in ") == true)
        #expect(try stage.status.misses.map(\.reason) == [.coldStart])
    }

    @Test(.timeLimit(.minutes(20)))
    func `a server that does not become ready is ended and its job told so`() async throws {
        let stage = try PoolStage.serving("--delay", "1000", within: .seconds(1))
        let run = try await stage.run(PoolStage.tells)
        #expect(run.end.cause == .launchFailed)
        #expect(run.end.message?.contains("within 1s") == true)
        try await eventually { try stage.status.idleSlots == 0 }
    }

    @Test(.timeLimit(.minutes(20)))
    func `a job that is told to end while it waits ends at once, and its server goes on to be ready`() async throws {
        let stage = try PoolStage.serving("--delay", "0.5")
        let job = try stage.start(PoolStage.tells)
        try await eventually { try stage.status.busySlots == 1 }
        stage.stop(job)
        #expect(try await stage.end(of: job).end.cause == .stopped)
        #expect(try stage.status.idleSlots == 1)
        #expect(try await stage.run(PoolStage.tells).end.exitCode == 0)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a server that is killed while jobs use it comes back at its address with its models`() async throws {
        let stage = try PoolStage.serving()
        let job = try stage.start(PoolStage.waits, .init(model: "resnet"))
        let url = try await stage.url(of: job)
        let before = try #require(stage.facts(url))
        kill(before.pid, SIGKILL)
        try await eventually {
            _ = stage.execution.tidyOutput(within: OutputLimits(), removesOld: false)
            return stage.facts(url).map { $0.pid != before.pid && $0.loads == 1 } ?? false
        }
        try stage.letGo()
        #expect(try await stage.end(of: job).end.exitCode == 0)
        #expect(try await stage.run(PoolStage.tells, .init(model: "resnet")).pool?.isHit == true)
    }

    @Test(.timeLimit(.minutes(20)))
    func `the next agent finds a server with its jobs`() async throws {
        let stage = try PoolStage.serving()
        let job = try stage.start(PoolStage.waits, .init(model: "resnet"))
        let url = try await stage.url(of: job)
        let server = try #require(stage.facts(url)).pid
        #expect(try stage.restart().map(\.attempt) == [job])
        #expect(try stage.status.busySlots == 1)
        let next = try await stage.run(PoolStage.tells, .init(model: "resnet"))
        #expect(next.pool?.isHit == true)
        #expect(try stage.facts(after: next).pid == server)
        try stage.letGo()
        _ = try await stage.end(of: job)
        stage.execution.leave()
        #expect(stage.facts(url) == nil)
        #expect(kill(server, 0) != 0)
    }

    @Test(.timeLimit(.minutes(20)), arguments: [0, 1])
    func `an idle server ends, unless the minimum keeps it`(minimum: Int) async throws {
        let stage = try PoolStage.serving {
            $0.minimumSlots = minimum
            $0.idleTime = .zero
        }
        let run = try await stage.run(PoolStage.tells)
        let server = try stage.facts(after: run).pid
        _ = stage.execution.tidyOutput(within: OutputLimits(), removesOld: false)
        #expect(try stage.status.idleSlots == minimum)
        if minimum == 0 { try await eventually { kill(server, 0) != 0 } }
    }
}
