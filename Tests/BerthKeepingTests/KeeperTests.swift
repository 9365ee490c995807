import BerthKeeping
import CLinux
import Foundation
import Glibc
import Testing

/// The keeper's program with real processes under it.
@Suite(.enabled(if: Stage.program != nil, "berth-keeper is not built."))
struct KeeperTests {
    // MARK: - Starting and ending

    @Test(arguments: [0, 1, 7, 255])
    func `a job's exit code is kept`(code: Int) throws {
        let stage = try Stage()
        let ended = try stage.ended(stage.script("exit \(code)"))
        #expect(ended.cause == .exit)
        #expect(ended.exitCode == code)
        #expect(ended.signal == nil)
        #expect(ended.stopReason == nil)
    }

    @Test(arguments: [SIGKILL, SIGSEGV, SIGTERM])
    func `the signal that ended a job is kept`(signal: Int32) throws {
        let stage = try Stage()
        let ended = try stage.ended(stage.script("kill -\(signal) $$; exec sleep 600"))
        #expect(ended.cause == .signal)
        #expect(ended.signal == Int(signal))
        #expect(ended.exitCode == nil)
    }

    @Test func `the record tells who runs, and later how it went`() throws {
        let stage = try Stage()
        let go = try stage.pipe("go")
        let before = wallClockMicroseconds()
        let (keeper, first) = try stage.launch(stage.script("read line < go"))
        #expect(first.phase == .running)
        #expect(first.attempt == "42.7@2")
        #expect(first.fence == 9)
        #expect(first.bootID == bootID())
        #expect(first.keeper.id == keeper.child)
        #expect(first.keeper.startTicks == startTicks(of: first.keeper.id))
        let job = try #require(first.job)
        #expect(job.startTicks == startTicks(of: job.id))
        #expect(getpgid(job.id) == job.id)
        #expect(first.startMicroseconds >= before)
        #expect(try keeper.record() == first)
        #expect(try keeper.order().fence == 9)
        #expect(keeper.isAlive)
        #expect(KeeperHandle(directory: stage.directory).isAlive)

        writeAll(Array("go\n".utf8), to: go)
        let last = try stage.end(of: keeper)

        guard case .ended(let ended) = last.phase else { throw KeepingError.malformed("no end") }
        #expect(ended.endMicroseconds >= last.startMicroseconds)
        #expect(last.job == first.job)
        #expect(!keeper.isAlive)
        #expect(kill(first.keeper.id, 0) == -1, "reaped")
        #expect(access(stage.directory + "/control", F_OK) != 0)
        #expect(access(stage.directory + "/record.partial", F_OK) != 0)
    }

    @Test func `what a job used is measured`() throws {
        let stage = try Stage()
        let ended = try stage.ended(stage.script("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"))
        #expect(ended.userCPUMicroseconds > 10_000)
        #expect(ended.peakMemoryBytes > 100_000)
    }

    @Test func `what cannot be started says which path is at fault`() throws {
        func problem(_ change: (Stage, inout LaunchOrder) throws -> Void) throws -> String {
            let stage = try Stage()
            var order = stage.order("true")
            try change(stage, &order)
            let (keeper, first) = try stage.launch(order)
            let last = try stage.end(of: keeper)
            #expect(last == first)
            #expect(last.job == nil)
            guard case .launchFailed(let problem, _) = last.phase else { return "\(last.phase)" }
            return problem.replacing(stage.folder, with: "STAGE")
        }
        #expect(
            try problem { $1.arguments = ["no-such-program"] }
                == "There is no program \"no-such-program\" in the job's PATH (/usr/local/bin:/usr/bin:/bin).")
        #expect(try problem { $1.arguments = ["/no/such"] } == "/no/such cannot be run: No such file or directory.")
        #expect(try problem { $1.arguments = ["./no"] } == "STAGE/./no cannot be run: No such file or directory.")
        #expect(
            try problem { $1.workingDirectory = $0.folder + "/nowhere" }
                == "The working directory STAGE/nowhere cannot be entered: No such file or directory.")
        #expect(
            try problem { stage, order in
                try replaceFile(stage.folder + "/file", with: [], isDurable: false, mode: 0o700)
                order.workingDirectory = stage.folder + "/file"
            } == "The working directory STAGE/file cannot be entered: Not a directory.")
        #expect(
            try problem { $1.standardOutput = $0.folder } == "The output file STAGE cannot be written: Is a directory.")
        #expect(
            try problem { stage, order in
                try replaceFile(stage.folder + "/text", with: Array("no program".utf8), isDurable: false, mode: 0o700)
                order.arguments = [stage.folder + "/text"]
            } == "STAGE/text cannot be run: Exec format error.")
        let long = String(repeating: "x", count: 200)
        #expect(try problem { $1.socketPath = $0.folder + "/" + long }.hasSuffix("cannot be made: File name too long."))
    }

    @Test func `an agent that cannot run the keeper is told`() throws {
        let stage = try Stage()
        #expect(throws: KeepingError.system("/no/such/keeper cannot be run", ENOENT)) {
            try KeeperHandle.launch(stage.order("true"), in: stage.directory, program: "/no/such/keeper")
        }
        #expect(throws: KeepingError.self) {
            try KeeperHandle.launch(stage.order("true"), in: stage.folder + "/nowhere", program: "/bin/true")
        }
    }

    // MARK: - What the job finds

    @Test func `the environment is what was given, and nothing else`() throws {
        let stage = try Stage()
        let given = ["B=2", "A=1", "EMPTY=", "ODD= ü=\"'\\", "PATH=/usr/bin:/bin"]
        _ = try stage.ended(stage.order("env") { $0.environment = given })
        #expect(try stage.lines().sorted() == given.sorted())
    }

    @Test func `arguments arrive as they are`() throws {
        let stage = try Stage()
        _ = try stage.ended(stage.order("printf", "[%s]", "a b", "", "*", "$HOME", "ü\n"))
        #expect(try stage.text(stage.output) == "[a b][][*][$HOME][ü\n]")
    }

    @Test func `a job starts in its directory, with no input and nothing of the keeper's open`() throws {
        let stage = try Stage()
        let go = try stage.pipe("go")
        let (keeper, first) = try stage.launch(
            stage.script("pwd; ls /proc/$$/fd; read line || echo nothing to read; read line < go"))
        let job = try #require(first.job)
        #expect(getsid(job.id) == job.id)
        writeAll(Array("go\n".utf8), to: go)
        _ = try stage.end(of: keeper)
        let physical = try #require(realpath(stage.folder, nil))
        defer { free(physical) }
        #expect(try stage.lines() == [String(cString: physical), "0", "1", "2", "nothing to read"])
    }

    @Test func `no signal is ignored or held back in a job`() throws {
        let stage = try Stage()
        _ = try stage.ended(stage.order("grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"))
        let masks = try stage.lines().compactMap { $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } }
        // 32 and 33 are the C library's own.
        #expect(masks.map { $0 & ~(3 << 31) } == [0, 0])
    }

    @Test func `output goes to its files, whose folders are made`() throws {
        let stage = try Stage()
        let (out, error) = (stage.folder + "/a/b/out", stage.folder + "/c/err")
        _ = try stage.ended(
            stage.script("echo one; echo two >&2") { order in
                order.standardOutput = out
                order.standardError = error
            })
        #expect(try stage.text(out) == "one\n")
        #expect(try stage.text(error) == "two\n")
    }

    @Test func `both streams in one file keep their order, and an old file does not shine through`() throws {
        let stage = try Stage()
        try replaceFile(stage.output, with: Array(String(repeating: "old ", count: 100).utf8), isDurable: false)
        _ = try stage.ended(stage.script("echo 1; echo 2 >&2; echo 3") { $0.standardError = $0.standardOutput })
        #expect(try stage.text(stage.output) == "1\n2\n3\n")
    }

    @Test func `a job runs on the CPUs that it was given, and the kernel says so`() throws {
        let stage = try Stage()
        let cpu = try #require(allowedCPUs().last)
        let (keeper, first) = try stage.launch(
            stage.order("grep", "Cpus_allowed_list", "/proc/self/status") { $0.cpus = [cpu] })
        _ = try stage.end(of: keeper)
        #expect(first.boundCPUs == [cpu])
        #expect(first.notes == [])
        #expect(try stage.lines().first?.split(separator: "\t").last == "\(cpu)")
    }

    @Test func `a binding that the kernel does not grant is told, and the job runs`() throws {
        let stage = try Stage()
        let (keeper, first) = try stage.launch(stage.script("exit 3") { $0.cpus = [8191] })
        let last = try stage.end(of: keeper)
        #expect(first.boundCPUs == allowedCPUs())
        #expect(first.notes.first == "The CPUs could not be bound: Invalid argument.")
        guard case .ended(let ended) = last.phase else { throw KeepingError.malformed("no end") }
        #expect(ended.exitCode == 3)
    }

    // MARK: - Stopping

    @Test func `a job that is over its time limit is told, and has timed out`() throws {
        let stage = try Stage()
        let ended = try stage.ended(stage.order("sleep", "600") { $0.timeLimitMilliseconds = 50 })
        #expect(ended.cause == .timeLimit)
        #expect(ended.signal == Int(SIGTERM))
        #expect(ended.stopReason == nil)
    }

    @Test func `a job that does not listen is killed when its grace is over`() throws {
        let stage = try Stage()
        let ended = try stage.ended(
            stage.script("trap '' TERM; while :; do sleep 0.05; done") { order in
                order.timeLimitMilliseconds = 300
                order.graceMilliseconds = 100
            })
        #expect(ended.cause == .timeLimit)
        #expect(ended.signal == Int(SIGKILL))
    }

    @Test func `a job without a socket is told to stop by SIGTERM, and may end in its own way`() throws {
        let stage = try Stage()
        let ready = try stage.pipe("ready")
        let (keeper, _) = try stage.launch(
            stage.script("trap 'echo tidied up; exit 3' TERM; echo > ready; while :; do sleep 0.05; done"))
        _ = try stage.line(from: ready)

        try keeper.stop(graceMilliseconds: 600_000, reason: "cancelled")
        let last = try stage.end(of: keeper)

        guard case .ended(let ended) = last.phase else { throw KeepingError.malformed("no end") }
        #expect(ended.cause == .stopped)
        #expect(ended.stopReason == "cancelled")
        #expect(ended.exitCode == 3)
        #expect(try stage.lines() == ["tidied up"])
    }

    @Test func `a stop without grace kills at once`() throws {
        let stage = try Stage()
        let ready = try stage.pipe("ready")
        let (keeper, _) = try stage.launch(
            stage.script("trap 'echo told' TERM; echo > ready; while :; do sleep 0.05; done"))
        _ = try stage.line(from: ready)
        try keeper.stop(graceMilliseconds: 0, reason: "stale")
        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.signal == Int(SIGKILL))
        #expect(ended.stopReason == "stale")
        #expect(try stage.lines() == [])
    }

    @Test func `a second stop brings the end nearer, never further away`() throws {
        let stage = try Stage()
        let ready = try stage.pipe("ready")
        let (keeper, _) = try stage.launch(
            stage.script("trap '' TERM; echo > ready; while :; do sleep 0.05; done"))
        _ = try stage.line(from: ready)
        try keeper.stop(graceMilliseconds: .max, reason: "drained")
        #expect(keeper.isAlive)
        try keeper.stop(graceMilliseconds: 50, reason: "cancelled")
        try keeper.stop(graceMilliseconds: 600_000, reason: "cancelled")
        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.signal == Int(SIGKILL))
    }

    @Test func `a job on its socket gets a notice instead of a signal, and is over when it says so`() throws {
        let stage = try Stage()
        let (keeper, _) = try stage.launch(stage.order("sleep", "600") { $0.socketPath = stage.socket })
        let socket = try stage.connected()
        try stage.say("{\"progress\": 0.5}", on: socket)

        try keeper.stop(graceMilliseconds: 600_000, reason: "preempted")
        let notice = try stage.line(from: socket)
        #expect(notice.hasPrefix("{\"notice\":\"preempt\",\"deadline\":\"20"))
        #expect(notice.hasSuffix("Z\",\"reason\":\"preempted\"}"))
        try stage.say("{\"checkpoint\": \"step 5\"}", on: socket)
        #expect(keeper.isAlive)
        writeAll(Array("{\"done\": true}\n".utf8), to: socket)

        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.cause == .stopped)
        #expect(ended.signal == Int(SIGKILL))
        #expect(try stage.reports() == ["{\"progress\": 0.5}", "{\"checkpoint\": \"step 5\"}", "{\"done\": true}"])
        #expect(access(stage.socket, F_OK) != 0)
    }

    @Test func `a job that says done without being asked to stop goes on`() throws {
        let stage = try Stage()
        let go = try stage.pipe("go")
        let (keeper, _) = try stage.launch(stage.script("read line < go; exit 4") { $0.socketPath = stage.socket })
        try stage.say("{\"done\": true}", on: stage.connected())
        writeAll(Array("go\n".utf8), to: go)
        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.cause == .exit)
        #expect(ended.exitCode == 4)
    }

    @Test func `a job may ask for more time`() throws {
        let stage = try Stage()
        let (keeper, first) = try stage.launch(
            stage.order("sleep", "600") { order in
                order.socketPath = stage.socket
                order.extensionMilliseconds = 600_000
            })
        let socket = try stage.connected()
        try stage.say("{\"note\": \"here\"}", on: socket)
        try keeper.stop(graceMilliseconds: 1500, reason: "preempted")
        _ = try stage.line(from: socket)
        try stage.say("{\"extend\": 300}", on: socket)
        #expect(stage.lives(try #require(first.job).id, for: 2000))
        writeAll(Array("{\"done\":true}\n".utf8), to: socket)
        _ = try stage.end(of: keeper)
    }

    @Test(arguments: ["3600", "1e300", "99999999999999999999", "-5", "null", "\"x\"", "0.1.2", ""])
    func `a job gets no more time than its queue allows`(seconds: String) throws {
        let stage = try Stage()
        let (keeper, _) = try stage.launch(
            stage.order("sleep", "600") { order in
                order.socketPath = stage.socket
                order.extensionMilliseconds = 200
            })
        let socket = try stage.connected()
        try stage.say("{\"note\": \"here\"}", on: socket)
        try keeper.stop(graceMilliseconds: 200, reason: "preempted")
        writeAll(Array("{\"extend\": \(seconds)}\n{\"extend\": \(seconds)}\n".utf8), to: socket)
        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.signal == Int(SIGKILL))
    }

    @Test func `a keeper that is terminated tells its job and records its end`() throws {
        let stage = try Stage()
        let (keeper, _) = try stage.launch(stage.order("sleep", "600"))
        kill(try #require(keeper.child), SIGTERM)
        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.cause == .stopped)
        #expect(ended.stopReason == "keeperTerminated")
        #expect(ended.signal == Int(SIGTERM))
    }

    @Test func `a keeper that has ended cannot be stopped`() throws {
        let stage = try Stage()
        let (keeper, _) = try stage.launch(stage.order("true"))
        _ = try stage.end(of: keeper)
        #expect(throws: KeepingError.self) { try keeper.stop(graceMilliseconds: 0, reason: "cancelled") }
    }

    @Test(arguments: [
        "", "stop", "stop 5", "stop x y", "stop -1 cancelled now", "start 5 x", "stop 99999999999999999999 x", "\0\0\0",
    ])
    func `what is no word for a keeper is passed over`(line: String) throws {
        let stage = try Stage()
        let go = try stage.pipe("go")
        let (keeper, _) = try stage.launch(stage.script("read line < go"))
        let control = berth_connect_unix(stage.directory + "/control")
        defer { close(control) }
        writeAll(Array((line + "\n").utf8), to: control)
        writeAll(Array("go\n".utf8), to: go)
        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.cause == .exit)
    }

    // MARK: - Reports

    @Test func `what a job says is kept with its time, from any number of speakers`() throws {
        let stage = try Stage()
        let (keeper, _) = try stage.launch(stage.order("sleep", "600") { $0.socketPath = stage.socket })
        let before = wallClockMicroseconds()
        let speakers = try (0..<20).map { number in
            let speaker = try stage.connected()
            try stage.say("{\"note\": \"\(number)\"}", on: speaker)
            return speaker
        }
        writeAll(Array("{\"note\"".utf8), to: speakers[3])
        try stage.say("{\"note\": \"between\"}", on: speakers[4])
        try stage.say(": \"whole\"}", on: speakers[3])
        #expect(
            try stage.reports() == (0..<20).map { "{\"note\": \"\($0)\"}" } + [
                "{\"note\": \"between\"}", "{\"note\": \"whole\"}",
            ])
        let times = try stage.text(stage.directory + "/reports").split(separator: "\n").compactMap {
            $0.split(separator: " ").first.flatMap { Int64($0) }
        }
        #expect(times.count == 22)
        #expect(times.allSatisfy { $0 >= before && $0 <= wallClockMicroseconds() })
        try keeper.stop(graceMilliseconds: 0, reason: "cancelled")
        _ = try stage.end(of: keeper)
    }

    @Test func `what a job says just before it ends is kept`() throws {
        let stage = try Stage()
        let go = try stage.pipe("go")
        let (keeper, first) = try stage.launch(stage.script("read line < go") { $0.socketPath = stage.socket })
        let child = try #require(keeper.child)
        let early = try stage.connected()
        try stage.say("{\"progress\": 0.1}", on: early)
        // All of this reaches the keeper at once.
        kill(child, SIGSTOP)
        writeAll(Array("{\"progress\": 0.9}\n{\"progress\": 1}\n".utf8), to: early)
        let late = try stage.connected()
        writeAll(Array("{\"note\": \"last words\"}".utf8), to: late)
        shutdown(late, Int32(SHUT_WR))
        writeAll(Array("go\n".utf8), to: go)
        try stage.waitForEnd(of: #require(first.job).id)
        kill(child, SIGCONT)

        _ = try stage.end(of: keeper)
        #expect(
            try stage.reports() == [
                "{\"progress\": 0.1}", "{\"progress\": 0.9}", "{\"progress\": 1}", "{\"note\": \"last words\"}",
            ])
    }

    @Test func `a line without end is not waited for`() throws {
        let stage = try Stage()
        let go = try stage.pipe("go")
        let (keeper, _) = try stage.launch(stage.script("read line < go") { $0.socketPath = stage.socket })
        let socket = try stage.connected()
        _ = fcntl(socket, F_SETFL, 0)
        signal(SIGPIPE, SIG_IGN)
        writeAll([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20), to: socket)
        try stage.say("{\"note\": \"still here\"}", on: stage.connected())
        writeAll(Array("go\n".utf8), to: go)
        _ = try stage.end(of: keeper)
        #expect(try stage.reports() == ["{\"note\": \"still here\"}"])
    }

    // MARK: - Whatever happens

    private static let escaping =
        "( ( setsid sh -c 'echo $$ > escaped; exec sleep 600' ) & ); ( ( sh -c 'echo $$ > escaped; exec sleep 600' ) & )"

    @Test func `what a job leaves behind is gone before its end is told, wherever it has fled`() throws {
        let stage = try Stage()
        let escaped = try stage.pipe("escaped")
        let go = try stage.pipe("go")
        let (keeper, _) = try stage.launch(stage.script(Self.escaping + "; read line < go; exit 5"))
        let processes = try (0..<2).map { _ in try #require(pid_t(stage.line(from: escaped))) }
        for process in processes { #expect(kill(process, 0) == 0) }
        writeAll(Array("go\n".utf8), to: go)

        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }

        #expect(ended.exitCode == 5)
        for process in processes { #expect(kill(process, 0) == -1) }
    }

    @Test func `a keeper that was killed is known by its lock, and what it left can be ended`() throws {
        let stage = try Stage()
        let escaped = try stage.pipe("escaped")
        let (keeper, first) = try stage.launch(
            stage.script(Self.escaping + "; exec sleep 600") { order in
                order.socketPath = stage.socket
                order.environment.append("BERTH_SOCKET=\(stage.socket)")
            })
        let job = try #require(first.job)
        let processes = try (0..<2).map { _ in try #require(pid_t(stage.line(from: escaped))) }
        let child = try #require(keeper.child)
        kill(child, SIGKILL)
        try stage.waitForEnd(of: child)
        keeper.reap()
        #expect(!keeper.isAlive)
        let later = KeeperHandle(directory: stage.directory)
        #expect(try later.record() == first)
        #expect(kill(job.id, 0) == 0)

        later.killLeftovers(of: first)

        for process in processes + [job.id] { try stage.waitForEnd(of: process) }
    }

    @Test func `leftovers are sought by more than their number`() throws {
        let stage = try Stage()
        let (keeper, first) = try stage.launch(stage.order("sleep", "600"))
        var other = first
        other.job?.startTicks += 1
        keeper.killLeftovers(of: other)
        #expect(keeper.isAlive)
        #expect(stage.lives(try #require(first.job).id, for: 0))
    }

    @Test func `two keepers do not share a directory`() throws {
        let stage = try Stage()
        let (first, running) = try stage.launch(stage.order("sleep", "600"))
        let second = try KeeperHandle.launch(
            stage.order("touch", stage.folder + "/touched"), in: stage.directory, program: #require(Stage.program))
        var status: Int32 = 0
        waitpid(try #require(second.child), &status, 0)
        #expect(status == 1 << 8)
        #expect(try stage.text(stage.directory + "/keeper.log").contains("another keeper is here"))
        #expect(access(stage.folder + "/touched", F_OK) != 0)
        #expect(try first.record() == running)
        #expect(first.isAlive)
    }

    @Test func `where no keeper ever was there is none`() throws {
        let stage = try Stage()
        let handle = KeeperHandle(directory: stage.directory)
        #expect(!handle.isAlive)
        #expect(try handle.record() == nil)
        #expect(throws: KeepingError.self) { try handle.order() }
        #expect(throws: KeepingError.self) { try handle.stop(graceMilliseconds: 0, reason: "x") }
        handle.reap()
    }

    @Test func `a keeper that comes after its attempt was given up starts nothing`() throws {
        let stage = try Stage()
        let handle = KeeperHandle(directory: stage.directory)
        try KeeperHandle.write(stage.script("touch $STAGE/ran"), in: stage.directory)
        #expect(handle.forestall())

        let null = open("/dev/null", O_RDWR)
        defer { close(null) }
        var pid: pid_t = 0
        let words = [strdup("berth-keeper"), strdup(stage.directory)]
        defer { for word in words { free(word) } }
        let program = try #require(Stage.program)
        #expect(berth_spawn(&pid, program, nil, words + [nil], [nil], null, null, null) == 0)
        var status: Int32 = 0
        waitpid(pid, &status, 0)

        #expect(status == 1 << 8)
        #expect(try handle.record() == nil && access(stage.folder + "/ran", F_OK) != 0)
    }

    /// A keeper of an announced attempt that has made its socket and waits.
    ///
    /// - Returns: the end at which it is heard.
    private func announced(_ stage: Stage, _ script: String) throws -> (keeper: KeeperHandle, answers: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(berth_message_pair(&ends) == 0)
        defer { close(ends[1]) }
        try KeeperHandle(directory: stage.directory).announce()
        let order = stage.script(script) {
            $0.socketPath = stage.socket
            ($0.isOutputPrivate, $0.isErrorPrivate) = (true, true)
        }
        let keeper = try stage.start(order, answer: ends[1])
        try #require(stage.comes(stage.socket))
        return (keeper, ends[0])
    }

    @Test func `an announced attempt is ready, and begins when it is told to and not before`() throws {
        let stage = try Stage()
        let (keeper, answers) = try announced(stage, "touch $STAGE/ran")
        defer { close(answers) }
        #expect(stage.lives(try #require(keeper.child), for: 100))
        #expect(access(stage.folder + "/ran", F_OK) != 0)
        #expect(try keeper.isAlive && keeper.record() == nil)
        keeper.begin(answers)
        guard case .ended(let ended) = try stage.end(of: keeper).phase else { throw KeepingError.malformed("no end") }
        #expect(ended.exitCode == 0 && access(stage.folder + "/ran", F_OK) == 0)
    }

    @Test func `an attempt that stays an announcement leaves nothing when its agent is gone`() throws {
        let stage = try Stage()
        let (keeper, answers) = try announced(stage, "touch $STAGE/ran")
        close(answers)
        try stage.waitForEnd(of: #require(keeper.child))
        #expect(try keeper.record() == nil)
        for path in [stage.socket, stage.output, stage.folder + "/ran", stage.directory + "/control"] {
            #expect(access(path, F_OK) != 0, "\(path)")
        }
    }

    @Test func `an attempt that stays an announcement ends with its keeper, and does not begin without it`() throws {
        let stage = try Stage()
        let (keeper, answers) = try announced(stage, "touch $STAGE/ran")
        defer { close(answers) }
        try #require(stage.comes(stage.output))
        let child = try #require(keeper.child)
        kill(child, SIGKILL)
        try stage.waitForEnd(of: child)
        // Whoever still held the connection would keep it open.
        var polled = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
        #expect(poll(&polled, 1, 10_000) == 1)
        keeper.begin(answers)
        #expect(access(stage.folder + "/ran", F_OK) != 0)
    }

    @Test func `a process that is killed before its program begins has not begun`() throws {
        let stage = try Stage()
        let (keeper, answers) = try announced(stage, "touch $STAGE/ran")
        defer { close(answers) }
        let child = try #require(keeper.child)
        let children = "/proc/\(child)/task/\(child)/children"
        var process: pid_t?
        for _ in 0..<10_000 where process == nil {
            process = try stage.text(children).split(separator: " ").first.flatMap { pid_t($0) }
            usleep(1000)
        }
        kill(try #require(process), SIGKILL)
        keeper.begin(answers)
        let last = try stage.end(of: keeper)
        guard case .launchFailed(let problem, _) = last.phase else {
            Issue.record("\(last.phase)")
            return
        }
        #expect(problem == "The job's process was killed before its program began.")
        #expect(last.launchFault == .node && last.isBindingExact)
    }

    @Test func `an attempt begins whose agent has died just after it had taken the announcement back`() throws {
        let stage = try Stage()
        let (keeper, answers) = try announced(stage, "touch $STAGE/ran")
        unlink(stage.directory + "/announced")
        close(answers)
        _ = try stage.end(of: keeper)
        #expect(access(stage.folder + "/ran", F_OK) == 0)
    }

    @Test func `an attempt whose keeper lives is not given up`() throws {
        let stage = try Stage()
        let (keeper, _) = try stage.launch(stage.script("exec sleep 600"))
        #expect(!keeper.forestall())
        #expect(try keeper.order().arguments.first == "/bin/sh")
        try keeper.stop(graceMilliseconds: 0, reason: "cancelled")
        _ = try stage.end(of: keeper)
    }

    @Test func `an order that cannot be read is complained of`() throws {
        let stage = try Stage()
        var pid: pid_t = 0
        try replaceFile(stage.directory + "/order", with: Array("nonsense\0".utf8), isDurable: false)
        let log = open(stage.folder + "/log", O_WRONLY | O_CREAT, 0o600)
        let null = open("/dev/null", O_RDWR)
        defer {
            close(log)
            close(null)
        }
        let program = try #require(Stage.program)
        let words = [strdup("berth-keeper"), strdup(stage.directory)]
        defer { for word in words { free(word) } }
        #expect(berth_spawn(&pid, program, nil, words + [nil], [nil], null, null, log) == 0)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        #expect(status == 1 << 8)
        #expect(
            try stage.text(stage.folder + "/log")
                == "berth-keeper: A keeper's file cannot be read: a field has no name.\n")
    }
}
