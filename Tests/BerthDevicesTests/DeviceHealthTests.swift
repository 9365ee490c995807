import BerthDevices
import BerthModel
import Testing

struct DeviceHealthTests {
    @Test func `bad news counts at once and good news after several looks in a row`() {
        var judge = DeviceHealthJudge(looksToRecover: 2)
        #expect(judge.look(at: "gpu0", problem: nil) == nil)
        #expect(judge.look(at: "gpu0", problem: "hot") == .unusable("hot"))
        #expect(judge.look(at: "gpu0", problem: "hotter") == nil)
        #expect(judge.look(at: "gpu0", problem: nil) == nil)
        #expect(judge.look(at: "gpu0", problem: "hot") == nil)
        #expect(judge.look(at: "gpu0", problem: nil) == nil)
        #expect(judge.look(at: "gpu0", problem: nil) == .healthy)
    }

    @Test func `a critical error stays`() {
        var judge = DeviceHealthJudge(looksToRecover: 1)
        #expect(judge.fail("gpu0", "XID 79") == .unusable("XID 79"))
        #expect(judge.look(at: "gpu0", problem: nil) == nil)
        #expect(judge.fail("gpu0", "XID 79") == nil)
    }

    @Test(.enabled(if: StandIn.compiler != nil, "it needs a C compiler"), arguments: ["ecc", "xid"])
    func `an error that appears takes its GPU out with the evidence`(state: String) async throws {
        let standIn = try StandIn(gpus: 2)
        let devices = NVMLProbe(path: standIn.library).report().merging(into: Inventory()).devices
        let watcher = try DeviceHealthWatcher(devices, library: standIn.library, interval: .milliseconds(20))
        let changes = watcher.changes()
        try standIn.become("fault")
        try standIn.become(state)
        var iterator = changes.makeAsyncIterator()
        let change = try #require(await iterator.next())
        watcher.stop()
        #expect(change.device == "gpu1")
        guard case .unusable(let evidence) = change.health else { return #expect(change.health != .healthy) }
        #expect(evidence.hasPrefix(state == "ecc" ? "ECC: 3 " : "XID 79:"))
    }
}
