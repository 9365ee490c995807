import BerthExecution
import BerthKeeping
import Foundation
import Glibc
import Testing

private let isolation: Isolation = {
    atexit { isolation.leave() }
    return Isolation.established(key: "reuse-\(getpid())")
}()

/// Whether keepers can keep several attempts here: their groups must count what each has used.
private let canReuse =
    PoolStage.keeper != nil && isolation.limits(.memory) && isolation.bases.contains { $0.version == 2 }
/// In version 2 the most memory is counted anew for who can write in `memory.peak`.
private let keepsGroups =
    canReuse
    && isolation.bases.contains { base in
        guard base.controllers.contains(.memory), base.version == 2 else { return base.controllers.contains(.memory) }
        let peak = open(base.path + "/memory.peak", O_RDWR | O_CLOEXEC)
        defer { if peak >= 0 { close(peak) } }
        return peak >= 0
    }

/// Keepers that keep one attempt after the other.
@Suite(.enabled(if: canReuse, "There is no berth-keeper, or no control group that measures."))
final class KeeperReuseTests {
    private let folder = "/tmp/berth-reuse-\(UUID().uuidString.prefix(8))"
    private let nursery: KeeperNursery
    private var count = 0

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        nursery = KeeperNursery(
            program: try #require(PoolStage.keeper), attempts: folder, log: folder + "/keepers.log")
    }

    deinit {
        nursery.leave()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Has a script kept.
    ///
    /// - Returns: what its keeper said last, and its order as it was written down.
    private func kept(_ script: String, _ change: (inout LaunchOrder) -> Void = { _ in }) throws
        -> (record: KeeperRecord, order: LaunchOrder)
    {
        let launched = try launch(script, change)
        return (try heard(launched.keeper), try KeeperHandle(directory: launched.directory).order())
    }

    private func launch(_ script: String, _ change: (inout LaunchOrder) -> Void = { _ in }) throws
        -> (keeper: Int32, directory: String)
    {
        count += 1
        let directory = folder + "/\(count)@1"
        #expect(mkdir(directory, 0o700) == 0)
        var order = LaunchOrder(
            attempt: "\(count)@1", fence: UInt64(count), arguments: ["/bin/sh", "-c", script],
            environment: ["PATH=/usr/bin:/bin"], workingDirectory: folder, standardOutput: folder + "/out\(count)",
            standardError: folder + "/err\(count)", socketPath: directory + "/s")
        order.group = isolation.group(of: "\(folder.suffix(8))-\(count)@1")
        order.memoryLimitBytes = 64 << 20
        change(&order)
        return (try nursery.launch(order, in: directory), directory)
    }

    /// The last record of a keeper, which is given back.
    private func heard(_ keeper: Int32) throws -> KeeperRecord {
        while true {
            let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                count = max(0, read(keeper, buffer.baseAddress, buffer.count))
            }
            guard !bytes.isEmpty else { throw Silence() }
            let record = try KeeperRecord(bytes: bytes)
            if case .running = record.phase { continue }
            nursery.end(keeper, isFree: record.isFree)
            return record
        }
    }

    private struct Silence: Error {}

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
    }

    private func ended(_ record: KeeperRecord) throws -> KeeperRecord.Ended {
        guard case .ended(let ended) = record.phase else { throw Silence() }
        return ended
    }

    @Test func `one process keeps one attempt after the other, and none of them sees anything of those before`() throws
    {
        let first = try kept("echo one; exit 3")
        let second = try kept("echo two; ls -l /proc/self/fd | wc -l; pwd; grep -E '^Sig(Ign|Blk)' /proc/self/status")
        #expect(first.record.isFree && first.record.keeper == second.record.keeper)
        #expect(first.record.job != second.record.job)
        #expect(try ended(first.record).exitCode == 3 && ended(second.record).exitCode == 0)
        #expect(text("out1") == "one\n")
        let lines = text("out2").split(separator: "\n").map(String.init)
        // "total 0", the three streams, and the list's own.
        #expect(lines.prefix(3) == ["two", "5", folder][...])
        let masks = lines.dropFirst(3).compactMap { $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } }
        // 32 and 33 are the C library's own.
        #expect(masks.map { $0 & ~(3 << 31) } == [0, 0])
    }

    @Test func `each attempt is charged with what it has used itself`() throws {
        let first = try kept(
            "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; head -c 20000000 /dev/zero | tail > big")
        let second = try kept("true")
        #expect(try ended(first.record).userCPUMicroseconds > 50_000)
        #expect(try ended(first.record).peakMemoryBytes > 15 << 20)
        #expect(try ended(second.record).userCPUMicroseconds < 50_000)
        #expect(try ended(second.record).peakMemoryBytes < 8 << 20)
    }

    @Test func `an attempt is not out of memory because one before it was`() throws {
        // Its own process ends well, and nobody asks why its child was killed.
        #expect(try ended(kept("tail < /dev/zero; exit 0").record).cause == .exit)
        #expect(try ended(kept("exit 1").record).cause == .exit)
        #expect(try ended(kept("tail < /dev/zero; exit 1").record).cause == .outOfMemory)
    }

    @Test(.enabled(if: keepsGroups)) func `groups are kept for the next one, whose limits hold`() throws {
        _ = try kept("true")
        let second = try kept("true") { $0.cpus = [0] }
        let third = try kept("cat /proc/self/cgroup; grep Cpus_allowed_list /proc/self/status") { $0.cpus = [0] }
        #expect(third.order.group == second.order.group)
        #expect(text("out3").contains(try #require(third.order.group.name)))
        #expect(text("out3").contains("Cpus_allowed_list:\t0\n"))
        let fourth = try kept("tail < /dev/zero") {
            $0.cpus = [0]
            $0.memoryLimitBytes = 16 << 20
        }
        #expect(try ended(fourth.record).cause == .outOfMemory)
        #expect(try ended(fourth.record).peakMemoryBytes <= 16 << 20)
        #expect(fourth.record.notes == [])
    }

    @Test func `a keeper holds nothing open of the attempts before`() throws {
        func descriptors(after script: String) throws -> Int {
            let record = try kept(script) {
                $0.cpus = [0]
                $0.timeLimitMilliseconds = 60_000
            }.record
            // It is called so again when it has done with the attempt.
            while try readFile("/proc/\(record.keeper.id)/comm") != Array("keeper\n".utf8) { usleep(1000) }
            return try FileManager.default.contentsOfDirectory(atPath: "/proc/\(record.keeper.id)/fd").count
        }
        let first = try descriptors(after: "true")
        for _ in 0..<10 { _ = try kept("true") }
        #expect(try descriptors(after: "exit 3") == first)
    }

    @Test func `what an attempt has left is gone before the next one begins`() throws {
        _ = try kept("setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 1; done' & echo $! > left")
        let second = try kept("kill -0 $(cat left) 2>/dev/null && echo lives || echo gone")
        #expect(try ended(second.record).exitCode == 0)
        #expect(text("out2") == "gone\n")
    }

    @Test(.enabled(if: getuid() == 0)) func `attempts of several users follow on one another as themselves`() throws {
        chmod(folder, 0o755)
        for (number, user) in [65_534, 0, 1, 65_534].enumerated() as EnumeratedSequence<[UInt32]> {
            let record = try kept("id -u; id -G") {
                $0.user = user == 0 ? nil : .init(id: user, group: user)
                ($0.isOutputPrivate, $0.isErrorPrivate) = (true, true)
            }.record
            #expect(try ended(record).exitCode == 0)
            #expect(text("out\(number + 1)").hasPrefix("\(user)\n"))
            if user != 0 { #expect(text("out\(number + 1)") == "\(user)\n\(user)\n") }
        }
    }

    @Test func `in the place of one that was killed while it waited another comes`() throws {
        let first = try kept("true").record
        #expect(kill(first.keeper.id, SIGKILL) == 0)
        while startTicks(of: first.keeper.id) == first.keeper.startTicks { usleep(1000) }
        let second = try kept("true").record
        #expect(try ended(second).exitCode == 0 && second.keeper != first.keeper)
    }

    @Test func `what an agent has ordered before it died, and no keeper has read by then, does not begin`() throws {
        let first = try kept("true").record
        kill(first.keeper.id, SIGSTOP)
        let launched = try launch("touch began")
        close(launched.keeper)
        kill(first.keeper.id, SIGCONT)
        while startTicks(of: first.keeper.id) == first.keeper.startTicks { usleep(1000) }
        #expect(!KeeperHandle(directory: launched.directory).hasCome)
        #expect(access(folder + "/began", F_OK) != 0)
    }

    @Test func `a keeper that cannot be given an order is not left waiting`() throws {
        let first = try kept("true").record
        let order = LaunchOrder(
            attempt: "9@1", fence: 9, arguments: ["true"], environment: [], workingDirectory: "/",
            standardOutput: "/dev/null", standardError: "/dev/null")
        #expect(throws: KeepingError.self) { try nursery.launch(order, in: folder + "/missing") }
        while startTicks(of: first.keeper.id) == first.keeper.startTicks { usleep(1000) }
        #expect(try ended(kept("true").record).exitCode == 0)
    }

    @Test func `several at a time have several keepers, and all are gone when the agent is`() throws {
        let launched = try (0..<4).map { _ in try launch("read line < \(folder)/fifo; exit 0") }
        #expect(mkfifo(folder + "/fifo", 0o600) == 0 || errno == EEXIST)
        let fifo = open(folder + "/fifo", O_RDWR)
        defer { close(fifo) }
        _ = "a\nb\nc\nd\n".withCString { write(fifo, $0, 8) }
        let records = try launched.map { try heard($0.keeper) }
        #expect(Set(records.map(\.keeper.id)).count == 4)
        nursery.leave()
        for record in records { while startTicks(of: record.keeper.id) == record.keeper.startTicks { usleep(1000) } }
        for base in isolation.bases {
            let left = (try? FileManager.default.contentsOfDirectory(atPath: base.path)) ?? []
            #expect(!left.contains { $0.hasPrefix("\(folder.suffix(8))-") })
        }
    }
}
