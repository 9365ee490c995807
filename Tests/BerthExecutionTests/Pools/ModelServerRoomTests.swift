import BerthExecution
import BerthKeeping
import BerthModel
import Foundation
import Testing

/// Who has a model server, on which devices and cores, and when it gives way.
@Suite(.enabled(if: PoolStage.isPossible), .serialized)
struct ModelServerRoomTests {
    private static let gpus = ["0", "1"].map { number in
        Device(name: "gpu" + number, kind: "gpu", vendor: "NVIDIA", uuid: "GPU-" + number)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a server sees its job's devices, and has gone before another job is given them`() async throws {
        let stage = try PoolStage.serving(inventory: Inventory(devices: Self.gpus))
        let first = try await stage.run(PoolStage.tells, .init(devices: ["gpu0"]))
        let server = try stage.facts(after: first)
        #expect(server.devices == "GPU-0")
        let elsewhere = try await stage.run(PoolStage.tells, .init(devices: ["gpu1"]))
        #expect(elsewhere.pool?.miss == .coldStart && elsewhere.output != first.output)
        #expect(try await stage.run(PoolStage.tells, .init(devices: ["gpu0"])).output == first.output)

        let probe = "kill -0 \(server.pid) && echo is still there || echo has gone"
        let other = try await stage.run(["/bin/sh", "-c", probe], .init(devices: ["gpu0"], usesPool: false))
        #expect(other.output == "has gone\n")
        #expect(try stage.status.idleSlots == 1)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1), .timeLimit(.minutes(20)))
    func `a server computes on the cores of the jobs that use it`() async throws {
        let stage = try PoolStage.serving()
        let first = try stage.start(PoolStage.waits, .init(cpus: [0]))
        let url = try await stage.url(of: first)
        try await eventually { stage.facts(url)?.cpus == [0] }
        let second = try stage.start(PoolStage.waits, .init(cpus: [1]))
        try await eventually { stage.facts(url)?.cpus == [0, 1] }
        stage.stop(first)
        try await eventually { stage.facts(url)?.cpus == [1] }
        stage.stop(second)
        _ = try await stage.end(of: second)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a server for which there is no memory is waited for, and then its job fails with the numbers`() async throws {
        let node = Inventory.NUMANode(number: 0, cpus: [0], memoryBytes: 4 << 30)
        let stage = try PoolStage.serving(within: .seconds(10), inventory: Inventory(numaNodes: [node])) {
            $0.memoryBytes = 2 << 30
        }
        let run = try await stage.run(PoolStage.tells, .init(memoryBytes: 3 << 30))
        #expect(run.end.cause == .launchFailed)
        #expect(
            run.end.message
                == "The model server of pool pool was not to be had within 10s: it takes 2 GiB, and of the node's 4 GiB jobs hold 3 GiB."
        )
        #expect(try stage.status.misses.map(\.reason) == [.noRoom])
        #expect(try await stage.run(PoolStage.tells, .init(memoryBytes: 2 << 30)).end.exitCode == 0)
        // And it gives way to a job that needs what it has.
        _ = try await stage.run(["/bin/true"], .init(memoryBytes: 3 << 30, usesPool: false))
        #expect(try stage.status.idleSlots == 0)
    }

    private static let canChangeUser = getuid() == 0 && access("/usr/bin/python3", X_OK) == 0

    @Test(.enabled(if: canChangeUser), .timeLimit(.minutes(20)))
    func `users never share a server, and an idle one gives way where the pool is full`() async throws {
        let stage = try PoolStage.serving(python: "/usr/bin/python3") { $0.maximumSlots = 1 }
        let mine = try await stage.run(PoolStage.tells)
        let theirs = try await stage.run(PoolStage.tells, .init(user: "nobody"))
        #expect(theirs.pool?.miss == .coldStart && theirs.output != mine.output)
        #expect(try stage.status.idleSlots == 1)
        let server = try stage.facts(after: theirs).pid
        let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(server)")[.ownerAccountID] as? UInt32
        #expect(owner == getpwnam("nobody")?.pointee.pw_uid)

        let busy = try stage.start(PoolStage.waits, .init(user: "nobody"))
        _ = try await stage.url(of: busy)
        let waiting = try stage.start(PoolStage.tells)
        stage.stop(busy)
        let late = try await stage.end(of: waiting)
        #expect(late.end.exitCode == 0 && late.pool?.isHit == false)
    }

    @Test func `who listens on a port stands in the kernel's table`() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     7        0 1 1 0 20
               1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 10
               2: rubbish
            """
        #expect(LoopbackPort.owner(of: 8080, in: table) == 1000)
        #expect(LoopbackPort.owner(of: 8081, in: table) == nil)
    }
}
