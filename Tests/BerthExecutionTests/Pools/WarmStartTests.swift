import BerthExecution
import BerthKeeping
import BerthModel
import Foundation
import Testing

/// Jobs of a pool, from the order to the end, with real keepers and a real fork server.
@Suite(.enabled(if: PoolStage.isPossible), .serialized)
struct WarmStartTests {
    @Test(.timeLimit(.minutes(20)))
    func `the first job starts cold and opens the slot from which the others come`() async throws {
        let stage = try PoolStage()
        let first = try await stage.run(python: "import sys; print('decimal' in sys.modules)")
        #expect(first.pool == PoolUse(pool: "pool", miss: .coldStart))
        #expect(first.output == "False\n")
        let later = try await stage.runWarm(
            python: "import sys; print('decimal' in sys.modules, __name__); sys.exit(7)")
        #expect(later.output == "True __main__\n")
        #expect(later.end.exitCode == 7)
        #expect(later.pool?.secondsSaved ?? 0 > 0)
        let status = try stage.status
        #expect(status.hits == 2)  // The one that found the slot ready, and the one after it.
        #expect(status.idleSlots == 1 && status.busySlots == 0)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a warm job has its own environment, directory and session, and leaves nothing behind`() async throws {
        let stage = try PoolStage()
        let code = """
            import os, subprocess
            child = subprocess.Popen(['setsid', 'sleep', '1000'])
            print(os.environ['MINE'], 'PYTHONPATH' in os.environ, os.getcwd(), os.getsid(0) == os.getpid(), child.pid)
            """
        let job = try await stage.runWarm(python: code, environment: ["MINE": .plain("x")])
        let words = job.output.split(whereSeparator: \.isWhitespace)
        #expect(words.dropLast() == ["x", "False", Substring(stage.folder), "True"])
        let child = try #require(words.last.flatMap { Int32($0) })
        #expect(kill(child, 0) != 0)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a warm job is charged with what it has used itself, whatever its keeper has kept before`() async throws {
        let stage = try PoolStage(isGrouped: true)
        let cold = try await stage.run(["/bin/sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"])
        #expect(try #require(cold.end.usage).userCPUTime > .milliseconds(50))
        let idle = try #require(try await stage.runWarm(python: "pass").end.usage)
        #expect(idle.userCPUTime >= .zero && idle.systemCPUTime >= .zero)
        let busy = try await stage.runWarm(
            python: "import time\nwhile time.process_time() < 0.1: pass")
        let used = try #require(busy.end.usage)
        #expect(used.userCPUTime + used.systemCPUTime > .milliseconds(90))
    }

    @Test(.timeLimit(.minutes(20)))
    func `a signal and a traceback are told as those of any other job`() async throws {
        let stage = try PoolStage()
        let killed = try await stage.runWarm(python: "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
        #expect(killed.end.cause == .signal && killed.end.signal == 15)
        let failed = try await stage.runWarm(python: "1 / 0")
        #expect(failed.end.exitCode == 1)
        #expect(failed.errors.contains("ZeroDivisionError"))
        #expect(!failed.errors.contains("berth_worker"))
    }

    @Test(.timeLimit(.minutes(20)))
    func `what no running interpreter can be given starts cold and says why`() async throws {
        let stage = try PoolStage()
        let shell = try await stage.run(["/bin/sh", "-c", "echo cold"])
        #expect(shell.pool?.miss == .notPython)
        #expect(shell.output == "cold\n")
        let seeded = try await stage.run(python: "print(1)", environment: ["PYTHONHASHSEED": .plain("0")])
        #expect(seeded.pool?.miss == .needsOwnStart)
        #expect(try stage.status.misses.map(\.reason) == [.needsOwnStart, .notPython])
    }

    @Test(.timeLimit(.minutes(20)))
    func `a slot whose server was killed takes its jobs with it, and is started again after a while`() async throws {
        let stage = try PoolStage()
        _ = try await stage.runWarm(python: "pass")
        let victim = try stage.start(
            [
                try #require(PoolStage.python), "-c",
                "import os, time; print(os.getppid(), flush=True); time.sleep(1000)",
            ])
        _ = try await stage.launch(of: victim)
        let output = stage.execution.outputFile(of: victim, isStandardError: false)
        var guardian: Int32?
        try await eventually {
            guardian = (try? String(contentsOfFile: output, encoding: .utf8)).flatMap { Int32($0.dropLast()) }
            return guardian != nil
        }
        // The guardian's parent is the server, and its the keeper.
        let server = try parent(of: try #require(guardian))
        kill(server, SIGKILL)
        let ended = try await stage.end(of: victim)
        #expect(ended.end.signal == 9)
        var miss: PoolUse.Miss?
        while miss != .serverFailed, miss != .coldStart { miss = try await stage.run(python: "pass").pool?.miss }
        #expect(miss == .serverFailed)
        while miss != nil { miss = try await stage.run(python: "pass").pool?.miss }
        #expect(try stage.status.misses.contains { $0.reason == .coldStart && $0.count == 2 })
    }

    @Test(.timeLimit(.minutes(20)))
    func `the next agent finds the slots, and the jobs in them`() async throws {
        let stage = try PoolStage()
        _ = try await stage.runWarm(python: "pass")
        let running = try stage.start(
            [
                try #require(PoolStage.python), "-c",
                "import os, time; [time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]",
            ])
        _ = try await stage.launch(of: running)
        let told = try stage.restart()
        #expect(told.map(\.attempt) == [running])
        #expect(try stage.status.busySlots == 1)
        #expect(try await stage.run(python: "pass").pool?.isHit == true)
        try Data().write(to: URL(fileURLWithPath: stage.folder + "/go"))
        #expect(try await stage.end(of: running).end.exitCode == 0)
        #expect(try stage.status.idleSlots == 1)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a slot that holds something else than its pool does now is given to nobody, and ends`() async throws {
        let stage = try PoolStage()
        _ = try await stage.runWarm(python: "pass")
        _ = try stage.restart {
            $0.command[4] = "fractions"
            ($0.minimumSlots, $0.maximumSlots) = (1, 2)
        }
        #expect(try await stage.run(python: "pass").pool?.miss == .coldStart)
        #expect(try stage.status.idleSlots == 2)
        _ = stage.execution.tidyOutput(within: OutputLimits(), removesOld: false)
        #expect(try stage.status.idleSlots == 1)
    }

    private func parent(of process: Int32) throws -> Int32 {
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("PPid:") })
        return try #require(Int32(line.split(separator: "\t")[1]))
    }
}
