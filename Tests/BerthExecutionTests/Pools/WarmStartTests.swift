import BerthExecution
import BerthKeeping
import BerthModel
import Foundation
import Testing

/// Jobs of a pool, from the order to the end, with real keepers and a real fork server.
@Suite(.enabled(if: PoolStage.isPossible), .serialized)
struct WarmStartTests {
    @Test(.timeLimit(.minutes(1)))
    func `the first job starts cold and opens the slot from which the others come`() async throws {
        let stage = try PoolStage()
        let first = try await stage.run("import sys; print('decimal' in sys.modules)")
        #expect(first.launch.pool == PoolUse(pool: "math", miss: .coldStart))
        #expect(first.output == "False\n")
        let later = try await stage.runWarm("import sys; print('decimal' in sys.modules, __name__); sys.exit(7)")
        #expect(later.output == "True __main__\n")
        #expect(later.end.exitCode == 7)
        #expect(later.launch.pool?.secondsSaved ?? 0 > 0)
        let status = try #require(stage.execution.poolStatuses.first)
        #expect(status.hits == 2)  // The one that found the slot ready, and the one after it.
        #expect(status.idleSlots == 1 && status.busySlots == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a warm job has its own environment, directory and session, and leaves nothing behind`() async throws {
        let stage = try PoolStage()
        let code = """
            import os, subprocess
            child = subprocess.Popen(['setsid', 'sleep', '1000'])
            print(os.environ['MINE'], 'PYTHONPATH' in os.environ, os.getcwd(), os.getsid(0) == os.getpid(), child.pid)
            """
        let job = try await stage.runWarm(code, environment: ["MINE": .plain("x")])
        let words = job.output.split(whereSeparator: \.isWhitespace)
        #expect(words.dropLast() == ["x", "False", Substring(stage.folder), "True"])
        let child = try #require(words.last.flatMap { Int32($0) })
        #expect(kill(child, 0) != 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a signal and a traceback are told as those of any other job`() async throws {
        let stage = try PoolStage()
        let killed = try await stage.runWarm("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
        #expect(killed.end.cause == .signal && killed.end.signal == 15)
        let failed = try await stage.runWarm("1 / 0")
        #expect(failed.end.exitCode == 1)
        #expect(failed.errors.contains("ZeroDivisionError"))
        #expect(!failed.errors.contains("berth_worker"))
    }

    @Test(.timeLimit(.minutes(1)))
    func `what no running interpreter can be given starts cold and says why`() async throws {
        let stage = try PoolStage()
        let shell = try await stage.run(command: ["/bin/sh", "-c", "echo cold"])
        #expect(shell.launch.pool?.miss == .notPython)
        #expect(shell.output == "cold\n")
        let seeded = try await stage.run("print(1)", environment: ["PYTHONHASHSEED": .plain("0")])
        #expect(seeded.launch.pool?.miss == .needsOwnStart)
        #expect(stage.execution.poolStatuses[0].misses.map(\.reason) == [.needsOwnStart, .notPython])
    }
}
