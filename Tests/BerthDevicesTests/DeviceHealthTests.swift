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

    @Test(
        .enabled(if: StandIn.compiler != nil, "it needs a C compiler"),
        arguments: [
            (StandIn.Vendor.nvml, "ecc", "ECC: 3 "), (.nvml, "xid", "XID 79:"), (.rocmSMI, "ecc", "ECC: 3 "),
            (.rocmSMI, "hot", "its temperature is 106 °C"), (.levelZero, "ecc", "ECC: 3 "),
            (.levelZero, "wedged", "its driver says that a part of it hangs"),
            (.levelZero, "worn", "its driver says that its memory has too many errors"),
        ])
    func `what appears takes its GPU out with the evidence`(
        vendor: StandIn.Vendor, state: String, evidence: String
    ) async throws {
        let standIn = try StandIn(vendor)
        let watcher = try DeviceHealthWatcher(standIn.devices, of: standIn.driver, interval: .milliseconds(20))
        let changes = watcher.changes()
        try standIn.become("fault")  // A job's own, which takes nothing out.
        try standIn.become(state)
        var iterator = changes.makeAsyncIterator()
        let change = try #require(await iterator.next())
        watcher.stop()
        #expect(change.device == "gpu1")
        guard case .unusable(let said) = change.health else { return #expect(change.health != .healthy) }
        #expect(said.hasPrefix(evidence))
    }

    @Test(
        .enabled(if: StandIn.compiler != nil, "it needs a C compiler"),
        arguments: [
            (StandIn.Vendor.nvml, "MIG", [["gpu1-mig1", "gpu1-mig4"], ["gpu0"]]),
            (.rocmSMI, "PARTITIONED", [[], [], [], []]), (.levelZero, "NOCARD", [["gpu1"], ["gpu0"]]),
        ])
    func `a divided GPU does not come back as a whole`(
        vendor: StandIn.Vendor, flag: String, looked: [[String]]
    ) throws {
        let standIn = try StandIn(vendor, flag)
        let watcher = try DeviceHealthWatcher(standIn.devices, of: standIn.driver)
        #expect(watcher.places.map { $0.map(\.name) } == looked)
    }
}
