import BerthKeeping
import Foundation
import Glibc
import Testing

/// What a node's control groups are found to be, in trees of plain files that stand for the kernel's.
@Suite struct IsolationTests {
    private let root = "/tmp/berth-isolation-\(UUID().uuidString.prefix(8))"

    /// - Parameters:
    ///   - files: paths below the root, and what they hold.
    ///   - second: which directories are of version 2, below the root.
    ///   - canRefuse: whether the kernel would let devices be closed.
    private func isolation(
        _ files: [String: String], membership: String, second: Set<String>, canRefuse: Bool = false
    ) throws -> Isolation {
        for (path, text) in files {
            let whole = URL(fileURLWithPath: root + "/" + path)
            try FileManager.default.createDirectory(
                at: whole.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: whole)
        }
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try Data(membership.utf8).write(to: URL(fileURLWithPath: root + "/membership"))
        var system = Isolation.System()
        (system.root, system.membership) = (root, root + "/membership")
        let places = Set(second.map { $0.isEmpty ? root : root + "/" + $0 })
        system.isSecondVersion = { places.contains($0) }
        system.canRefuseDevices = { canRefuse }
        defer { try? FileManager.default.removeItem(atPath: root) }
        return Isolation.established(in: system, key: "k")
    }

    /// A directory as the kernel fills it in when it is made.
    private func group(_ path: String, controllers: String = "", enabled: String = "") -> [String: String] {
        ["cgroup.procs": "", "cgroup.controllers": controllers, "cgroup.subtree_control": enabled].reduce(into: [:]) {
            $0[path + "/" + $1.key] = $1.value
        }
    }

    @Test func `version 2 with its controllers limits and kills`() throws {
        let all = "cpuset cpu io memory pids"
        let files = ["svc", "svc/berth", "svc/berth/k"].map { group($0, controllers: all, enabled: all) }
            .reduce(into: [:]) { $0.merge($1) { $1 } }
        let found = try isolation(files, membership: "0::/svc\n", second: [""])
        #expect(
            found.bases == [.init(version: 2, controllers: [.memory, .pids, .cpuset], path: root + "/svc/berth/k")])
        #expect(found.description == "cgroup v2 limits (memory, pids, cpuset) and kill")
        #expect(found.group(of: "42@1").places.map(\.entrance) == [root + "/svc/berth/k/42@1/cgroup.procs"])
    }

    @Test func `an agent that its service manager has put aside works in the group above`() throws {
        let files = ["svc", "svc/agent", "svc/berth", "svc/berth/k"].map {
            group($0, controllers: "memory pids", enabled: "memory pids")
        }.reduce(into: [:]) { $0.merge($1) { $1 } }
        let found = try isolation(files, membership: "0::/svc/agent\n", second: [""])
        #expect(found.bases == [.init(version: 2, controllers: [.memory, .pids], path: root + "/svc/berth/k")])
    }

    @Test func `processor time is limited where PUs cannot be walled in, and devices closed where they can be`()
        throws
    {
        let files = ["svc", "svc/berth", "svc/berth/k"].map {
            group($0, controllers: "cpu memory pids", enabled: "cpu memory pids")
        }.reduce(into: [:]) { $0.merge($1) { $1 } }
        let found = try isolation(files, membership: "0::/svc\n", second: [""], canRefuse: true)
        #expect(found.bases.map(\.controllers) == [[.memory, .pids, .cpu]])
        #expect(found.refusesDevices)
        #expect(found.description == "cgroup v2 limits (memory, pids, cpu), kill and device control")
    }

    @Test func `limits that are not delegated are not claimed`() throws {
        let files = ["svc", "svc/berth", "svc/berth/k"].map { group($0) }.reduce(into: [:]) { $0.merge($1) { $1 } }
        let found = try isolation(files, membership: "0::/svc\n", second: [""])
        #expect(found.description == "cgroup v2 kill; no limits")
        #expect(!found.limits(.memory))
    }

    @Test func `both versions share the work where the system has both`() throws {
        var files = ["memory/own/x", "pids", "unified"].map { [$0, $0 + "/berth", $0 + "/berth/k"] }.joined()
            .map { group($0) }.reduce(into: [:]) { $0.merge($1) { $1 } }
        for path in ["cpuset", "cpuset/berth", "cpuset/berth/k"] {
            files.merge(group(path)) { $1 }
            files[path + "/cpuset.cpus"] = "0-3\n"
            files[path + "/cpuset.mems"] = "0\n"
        }
        let found = try isolation(
            files, membership: "4:memory:/own/x\n3:cpuset:/\n2:cpu,pids:/elsewhere\n0::/\n", second: ["unified"])
        #expect(
            found.bases.map(\.path)
                == ["memory/own/x", "pids", "cpuset", "unified"].map { root + "/\($0)/berth/k" })
        #expect(found.description == "cgroup v1 limits (memory, pids, cpuset), cgroup v2 kill")
    }

    @Test func `without version 2 processes are killed one by one, and no device is closed`() throws {
        let files = ["cpu,cpuacct", "cpu,cpuacct/berth", "cpu,cpuacct/berth/k"].map { group($0) }
            .reduce(into: [:]) { $0.merge($1) { $1 } }
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: root + "/cpu", withDestinationPath: "cpu,cpuacct")
        let found = try isolation(files, membership: "3:cpu,cpuacct:/\n", second: [], canRefuse: true)
        #expect(found.bases.map(\.path) == [root + "/cpu/berth/k"])
        #expect(found.description == "cgroup v1 limits (cpu), kill by process list")
        #expect(!found.refusesDevices)
    }

    @Test func `a system without control groups has none`() throws {
        let found = try isolation([:], membership: "", second: [])
        #expect(found == .none)
        #expect(found.description == "process group, subreaper and rlimits")
        #expect(found.group(of: "1@1").places.isEmpty)
    }

    @Test func `time in which the machine was suspended is told from time that passed`() {
        let start = BootClock(elapsed: 10_000, running: 4000)
        #expect(BootClock(elapsed: 17_000, running: 11_000).suspension(since: start) == 0)
        #expect(BootClock(elapsed: 17_001, running: 11_000).suspension(since: start) == 0)
        #expect(BootClock(elapsed: 17_000, running: 8000).suspension(since: start) == 3000)
        #expect(BootClock.now.suspension(since: .now) == 0)
    }
}
