import BerthKeeping
import Foundation
import Glibc
import Testing

/// The files that agents and keepers leave each other.
@Suite struct KeeperFileTests {
    private let odd = ["", "=", "a=b=c", " ", "\n", "\r\n\t", "ünïcödé 🦀", "'\"\\$(x)", "\u{1}\u{7F}", "name=", "--"]

    private var order: LaunchOrder {
        LaunchOrder(
            attempt: "42.7@2", fence: .max, arguments: ["/bin/echo"] + odd, environment: odd.map { "V=\($0)" },
            workingDirectory: "/a b/=\n", standardOutput: "/o\n", standardError: "/e", cpus: [0, 3, 8191],
            numaNodes: [1],
            memoryPolicy: .bind, timeLimitMilliseconds: .max, graceMilliseconds: 0, extensionMilliseconds: 5,
            socketPath: "/s")
    }

    private var records: [KeeperRecord] {
        func record(_ phase: KeeperRecord.Phase, job: KeeperRecord.ProcessMark?) -> KeeperRecord {
            KeeperRecord(
                attempt: "1@1", fence: 3, phase: phase, keeper: .init(id: 5, startTicks: .max), job: job,
                bootID: "b", startMicroseconds: -1, boundCPUs: [2, 1], boundNUMANodes: [0], notes: odd)
        }
        let mark = KeeperRecord.ProcessMark(id: 6, startTicks: 0)
        let ended = [
            KeeperRecord.Ended(cause: .exit, exitCode: 255, endMicroseconds: .max),
            .init(cause: .signal, signal: 64, endMicroseconds: 0, peakMemoryBytes: 1, readBytes: 2, writtenBytes: 3),
            .init(cause: .timeLimit, signal: 9, endMicroseconds: 1, userCPUMicroseconds: 4, systemCPUMicroseconds: 5),
            .init(cause: .outOfMemory, signal: 9, endMicroseconds: 0, suspendedMilliseconds: 3000),
            .init(cause: .stopped, exitCode: 0, stopReason: "preempted", endMicroseconds: 1),
        ]
        return [record(.running, job: mark), record(.launchFailed("no = such\n program", atMicroseconds: 7), job: nil)]
            + ended.map { record(.ended($0), job: mark) }
    }

    @Test func `an order comes back as it was written, odd characters and all`() throws {
        #expect(try LaunchOrder(bytes: order.bytes) == order)
        let plain = LaunchOrder(
            attempt: "1@1", fence: 0, arguments: ["x"], environment: [], workingDirectory: "/",
            standardOutput: "/dev/null",
            standardError: "/dev/null")
        #expect(try LaunchOrder(bytes: plain.bytes) == plain)
    }

    @Test func `a record comes back as it was written, in every phase`() throws {
        for record in records { #expect(try KeeperRecord(bytes: record.bytes) == record) }
    }

    @Test func `an order with everything in it comes back`() throws {
        var full = order
        full.group = ControlGroup(places: [
            .init(version: 1, controllers: [.memory], path: "/sys/fs/cgroup/memory/berth/k/42@1"),
            .init(version: 2, controllers: [], path: "/sys/fs/cgroup/unified/a:b,c/42@1"),
        ])
        (full.memoryLimitBytes, full.processLimit) = (.max, 7)
        full.user = LaunchOrder.User(id: .max, group: 0, groups: [3, 1])
        (full.isOutputPrivate, full.isErrorPrivate) = (true, false)
        #expect(try LaunchOrder(bytes: full.bytes) == full)
    }

    @Test func `files of keepers and agents before there were formats are read`() throws {
        let old = "attempt=42.7@2\0fence=9\0argument=true\0directory=/\0output=/o\0error=/e\0cpus=0\0numa=\0grace=5\0"
        #expect(try LaunchOrder(bytes: Array(old.utf8)).group.places.isEmpty)
        let record = "attempt=42.7@2\0fence=9\0boot=b\0start=1\0keeper=5\0keeperTicks=6\0cpus=0\0phase=running\0"
        #expect(try KeeperRecord(bytes: Array(record.utf8)).isBindingExact)
    }

    @Test func `files of a later format are refused, and fields that are not known are read over`() throws {
        let later = Array("format=3\0".utf8) + order.bytes.dropFirst("format=2\0".utf8.count)
        let error = #expect(throws: KeepingError.self) { try LaunchOrder(bytes: later) }
        #expect(error?.description.contains("it is of format 3, and this version reads 1 to 2") == true)
        #expect(try LaunchOrder(bytes: order.bytes + Array("hereafter=x\0".utf8)) == order)
    }

    @Test(arguments: [
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0group=3::/x\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0group=2:memory\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0user=5\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0user=-1\0userGroup=1\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0user=1\0userGroup=1\0userFurtherGroup=x\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0", "", "attempt=1@1\0", "argument=x\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x", "=x\0", "argument\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0fence=-1\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0fence=18446744073709551616\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0cpus=8192\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0cpus=-1\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0cpus=0-3\0",
        "attempt=1@1\0directory=/\0output=/o\0error=/e\0argument=x\0limit=soon\0",
    ])
    func `what is no order is refused with a sentence`(text: String) {
        let error = #expect(throws: KeepingError.self) { try LaunchOrder(bytes: Array(text.utf8)) }
        #expect(error?.description.hasPrefix("A keeper's file cannot be read: ") == true)
    }

    @Test(arguments: [
        "attempt=1@1\0boot=b\0", "attempt=1@1\0boot=b\0phase=asleep\0", "attempt=1@1\0boot=b\0phase=ended\0",
        "attempt=1@1\0boot=b\0phase=ended\0cause=boredom\0", "attempt=1@1\0boot=b\0phase=launchFailed\0",
        "attempt=1@1\0boot=b\0phase=running\0job=99999999999\0", "boot=b\0phase=running\0",
        "attempt=1@1\0phase=running\0",
    ])
    func `what is no record is refused with a sentence`(text: String) {
        let error = #expect(throws: KeepingError.self) { try KeeperRecord(bytes: Array(text.utf8)) }
        #expect(error?.description.hasPrefix("A keeper's file cannot be read: ") == true)
    }

    @Test func `a file that was cut within a field is never taken for a whole one`() {
        for bytes in [order.bytes] + records.map(\.bytes) {
            for end in bytes.indices.dropFirst() where bytes[end - 1] != 0 {
                #expect(throws: KeepingError.self) { try LaunchOrder(bytes: Array(bytes[..<end])) }
                #expect(throws: KeepingError.self) { try KeeperRecord(bytes: Array(bytes[..<end])) }
            }
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `bytes of any kind are read or refused`(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for var bytes in [order.bytes, records[2].bytes] {
            for _ in 0...next(8) { bytes[next(bytes.count)] = UInt8(next(256)) }
            if next(2) == 0 { bytes.removeSubrange(next(bytes.count)...) }
            do { _ = try LaunchOrder(bytes: bytes) } catch { #expect(!error.description.isEmpty) }
            do { _ = try KeeperRecord(bytes: bytes) } catch { #expect(!error.description.isEmpty) }
        }
    }

    @Test func `a file is replaced whole, whenever somebody looks`() async throws {
        let stage = try Stage()
        let path = stage.folder + "/file"
        let contents = [UInt8(ascii: "a"), UInt8(ascii: "b")].map { [UInt8](repeating: $0, count: 300_000) }
        try replaceFile(path, with: contents[0], isDurable: true)
        let writer = Task.detached {
            for round in 0..<200 { try replaceFile(path, with: contents[round % 2], isDurable: false) }
        }
        for _ in 0..<200 { #expect(try contents.contains(readFile(path))) }
        try await writer.value
        #expect(try FileManager.default.contentsOfDirectory(atPath: stage.folder).sorted() == ["file", "keeper"])
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    }

    @Test func `a file that cannot be written says why and leaves the old one`() throws {
        let stage = try Stage()
        let error = #expect(throws: KeepingError.self) {
            try replaceFile(stage.folder + "/nowhere/file", with: [1], isDurable: false)
        }
        #expect(error?.description.hasSuffix("cannot be written: No such file or directory.") == true)
        try replaceFile(stage.folder + "/full", with: [1], isDurable: false)
        try FileManager.default.createDirectory(
            atPath: stage.folder + "/full.partial", withIntermediateDirectories: false)
        #expect(throws: KeepingError.self) { try replaceFile(stage.folder + "/full", with: [2], isDurable: false) }
        #expect(try readFile(stage.folder + "/full") == [1])
    }

    @Test func `a process is told from a later one by when it started`() {
        #expect(startTicks(of: getpid()) == startTicks(of: getpid()))
        #expect(startTicks(of: getpid()) != nil)
        #expect(startTicks(of: -5) == nil)
        #expect(bootID().count == 36)
    }
}
