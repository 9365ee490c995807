import BerthKeeping
import CLinux
import Foundation
import Glibc
import Testing

/// The control groups of this machine, those of one test run.
private let isolation: Isolation = {
    atexit { isolation.leave() }
    return Isolation.established(key: "test-\(getpid())")
}()

/// What holds a job's processes together and within their bounds, with the kernel's own control groups.
@Suite(.enabled(if: Stage.program != nil, "berth-keeper is not built."))
struct KeeperIsolationTests {
    private static let hasMemory = isolation.limits(.memory)
    private static let hasGroups = !isolation.bases.isEmpty

    /// Puts an order into a group of its own.
    private func isolated(_ order: inout LaunchOrder) {
        order.group = isolation.group(of: UUID().uuidString)
    }

    @Test(
        .enabled(if: hasMemory),
        arguments: ["exec tail < /dev/zero", "tail < /dev/zero; exit 3"])
    func `a job that takes more memory than it may is told apart from one that was killed`(script: String) throws {
        let stage = try Stage()
        let ended = try stage.ended(
            stage.script(script) {
                isolated(&$0)
                $0.memoryLimitBytes = 48 << 20
            })
        #expect(ended.cause == .outOfMemory)
        #expect(ended.signal == 9 || ended.exitCode == 3)
        #expect(ended.peakMemoryBytes > 40 << 20 && ended.peakMemoryBytes <= 48 << 20)
    }

    @Test(.enabled(if: hasMemory)) func `a job that is killed within its memory was killed, and no more`() throws {
        let stage = try Stage()
        let ended = try stage.ended(
            stage.script("kill -9 $$") {
                isolated(&$0)
                $0.memoryLimitBytes = 48 << 20
            })
        #expect(ended.cause == .signal)
        #expect(ended.signal == 9)
    }

    @Test func `where no group limits them together, each process has its own limit of memory`() throws {
        let stage = try Stage()
        let ended = try stage.ended(
            stage.script("ulimit -d; tail < /dev/zero") { $0.memoryLimitBytes = 48 << 20 })
        #expect(ended.exitCode == 1)
        #expect(try stage.lines() == ["\(48 << 10)"])
        #expect(try stage.text(stage.errors).contains("memory exhausted"))
    }

    @Test(.enabled(if: isolation.refusesDevices), arguments: [nil, LaunchOrder.User(id: 65_534, group: 65_534)])
    func `a device that was given to another cannot be opened, and all others can`(user: LaunchOrder.User?) throws {
        try #require(user == nil || getuid() == 0)
        let stage = try Stage()
        chmod(stage.folder, 0o711)
        let ended = try stage.ended(
            stage.script("for name in full zero null; do head -c 1 /dev/$name > /dev/null && echo $name; done") {
                isolated(&$0)
                $0.user = user
                ($0.isOutputPrivate, $0.isErrorPrivate) = (true, true)
                // What stands behind the names by the kernel's list of devices (devices.txt).
                $0.refusedDevices = [
                    .init(major: 1, minor: 7), .init(major: 195, minor: 0), .init(major: 1, minor: 99),
                ]
            })
        #expect(ended.exitCode == 0)
        #expect(try stage.lines() == ["zero", "null"])
        #expect(try stage.text(stage.errors).contains("Operation not permitted"))
    }

    @Test(.enabled(if: access("/sys/fs/cgroup/cpu/cgroup.procs", W_OK) == 0, "There is no v1 hierarchy to write in."))
    func `where PUs cannot be walled in, the processor time is`() throws {
        let stage = try Stage()
        let path = "/sys/fs/cgroup/cpu/berth-test-\(getpid())"
        var order = stage.script("cat \(path)/cpu.cfs_quota_us \(path)/tasks; echo $$")
        order.group = ControlGroup(places: [.init(version: 1, controllers: [.cpu], path: path)])
        order.cpus = [allowedCPUs()[0]]
        let ended = try stage.ended(order)
        #expect(ended.exitCode == 0)
        let lines = try stage.lines()
        #expect(lines.first == "100000" && lines.dropFirst().dropLast().contains(lines.last ?? ""))
        #expect(access(path, F_OK) != 0)
    }

    @Test func `where the kernel cannot kill a group at once, it is frozen first`() throws {
        let stage = try Stage()
        let path = stage.folder + "/group"
        mkdir(path, 0o700)
        var process: pid_t = 0
        let words = [strdup("sleep"), strdup("600"), nil]
        defer { for word in words { free(word) } }
        try #require(berth_spawn(&process, "/bin/sleep", nil, words, [nil], 0, 1, 2) == 0)
        try replaceFile(path + "/cgroup.freeze", with: [], isDurable: false)
        try replaceFile(path + "/cgroup.procs", with: Array("\(process)\n".utf8), isDurable: false)
        ControlGroup(places: [.init(version: 2, controllers: [], path: path)]).kill()
        var status: Int32 = 0
        #expect(waitpid(process, &status, 0) == process && status & 0x7f == SIGKILL)
        #expect(try stage.text(path + "/cgroup.freeze") == "1")
    }

    @Test(.enabled(if: isolation.limits(.pids))) func `a job has no more processes than it may`() throws {
        let stage = try Stage()
        let ended = try stage.ended(
            stage.script("for i in 1 2 3 4 5 6 7 8; do sleep 600 & done; exit 0") {
                isolated(&$0)
                $0.processLimit = 5
            })
        #expect(ended.exitCode != 0)
        #expect(try stage.text(stage.errors).contains("fork"))
    }

    @Test(.enabled(if: hasGroups)) func `nothing of a job is left, nor its groups, when its record says that it ended`()
        throws
    {
        let stage = try Stage()
        var order = stage.script(
            "setsid sleep 600 & setsid sh -c 'sleep 600 & setsid sleep 600 & wait' & sleep 0.1; cat /proc/self/cgroup")
        isolated(&order)
        let ended = try stage.ended(order)
        #expect(ended.exitCode == 0)
        for place in order.group.places {
            #expect(access(place.path, F_OK) != 0, "\(place.path) is left")
            #expect(try stage.text(stage.output).contains("/" + (place.path as NSString).lastPathComponent))
        }
    }

    @Test(.enabled(if: hasGroups)) func `a group whose keeper was killed is cleared away, whoever is in it`() throws {
        let stage = try Stage()
        let ready = try stage.pipe("ready")
        var order = stage.script("env -i setsid sleep 600 & echo ready > ready; wait")
        isolated(&order)
        let (keeper, first) = try stage.launch(order)
        #expect(try stage.line(from: ready) == "ready")
        kill(first.keeper.id, SIGKILL)
        try stage.waitForEnd(of: first.keeper.id)
        #expect(!order.group.processes.isEmpty)
        keeper.killLeftovers(of: first)
        #expect(order.group.processes.isEmpty)
        #expect(order.group.places.allSatisfy { access($0.path, F_OK) != 0 })
    }

    @Test(.enabled(if: hasGroups)) func `an agent clears away groups for which no keeper lives`() throws {
        let mine = Isolation.established(key: "clear-\(getpid())")
        let groups = ["1@1", "2@1"].map(mine.group)
        for group in groups { _ = try group.make(ControlGroup.Limits()) }
        mine.clear(except: ["2@1"])
        #expect(groups[0].places.allSatisfy { access($0.path, F_OK) != 0 })
        #expect(groups[1].places.allSatisfy { access($0.path, F_OK) == 0 })
        mine.clear(except: [])
        mine.leave()
        #expect(mine.bases.allSatisfy { access($0.path, F_OK) != 0 })
    }

    @Test(.enabled(if: getuid() == 0, "Only root can be somebody else."))
    func `a job is its user, with exactly the user's groups and no capability`() throws {
        let stage = try Stage()
        chmod(stage.folder, 0o711)
        let ended = try stage.ended(
            stage.script(
                "grep -E '^(Uid|Gid|Groups|Cap(Prm|Eff|Inh|Amb)):' /proc/self/status; kill -0 1 || echo powerless"
            ) {
                $0.user = LaunchOrder.User(id: 65_534, group: 65_533, groups: [7, 9])
                ($0.isOutputPrivate, $0.isErrorPrivate) = (true, true)
                $0.socketPath = stage.socket
            })
        #expect(ended.exitCode == 0)
        let none = "0000000000000000"
        #expect(
            try stage.lines().map { $0.split { $0 == "\t" || $0 == " " }.joined(separator: " ") } == [
                "Uid: 65534 65534 65534 65534", "Gid: 65533 65533 65533 65533", "Groups: 7 9", "CapInh: \(none)",
                "CapPrm: \(none)", "CapEff: \(none)", "CapAmb: \(none)", "powerless",
            ])
        var status = stat()
        #expect(stat(stage.output, &status) == 0 && status.st_uid == 65_534)
    }

    @Test(.enabled(if: getuid() == 0, "Only root can be somebody else."))
    func `files that a user names are opened with the user's rights`() throws {
        let stage = try Stage()
        chmod(stage.folder, 0o711)
        let order = stage.order("true") { $0.user = LaunchOrder.User(id: 65_534, group: 65_534) }
        let last = try stage.end(of: stage.launch(order).keeper)
        guard case .launchFailed(let problem, _) = last.phase else {
            Issue.record("\(last.phase)")
            return
        }
        #expect(problem == "The output file \(stage.output) cannot be written: Permission denied.")
    }

    @Test func `a time limit is kept to 50 ms`() throws {
        let stage = try Stage()
        var order = stage.script("trap '' TERM; while :; do sleep 600; done")
        (order.timeLimitMilliseconds, order.graceMilliseconds) = (400, 200)
        let last = try stage.end(of: stage.launch(order).keeper)
        guard case .ended(let ended) = last.phase else { throw KeepingError.malformed("no end") }
        #expect(ended.cause == .timeLimit)
        let took = ended.endMicroseconds - last.startMicroseconds
        // The start is written down just after the program began, so that the span may look shorter by that much.
        #expect((590_000...).contains(took))
        #expect(took < 650_000 || loadIsHigh(), "took \(took) us")
    }

    /// Whether more wants to run than there are processors: then a process waits for one, whatever its timers say.
    private func loadIsHigh() -> Bool {
        var averages = [0.0, 0.0, 0.0]
        return getloadavg(&averages, 3) > 0 && averages[0] > Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    @Test func `a binding that the kernel did not grant is told`() throws {
        let stage = try Stage()
        let cpus = allowedCPUs()
        let order = stage.order("true") { $0.cpus = [cpus[0], 8191] }
        let last = try stage.end(of: stage.launch(order).keeper)
        #expect(!last.isBindingExact)
        #expect(last.boundCPUs == [cpus[0]])
        #expect(last.notes.contains { $0.hasPrefix("The kernel granted the CPUs [\(cpus[0])] where the plan has") })
        let exact = try stage.end(of: stage.launch(stage.order("true") { $0.cpus = [cpus[0]] }).keeper)
        #expect(exact.isBindingExact)
    }
}
