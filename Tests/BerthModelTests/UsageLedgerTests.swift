import BerthModel
import Foundation
import Testing

@Suite struct UsageLedgerTests {
    private static let week = Duration.seconds(7 * 86_400)
    private static let weekSeconds = 7.0 * 86_400

    private func used(
        _ site: Site, by account: UsageLedger.Name = .project(""), at time: Timestamp, halfLife: Duration = week
    ) -> Double {
        site.cluster.usage.used(by: account, at: time, halfLife: halfLife)
    }

    private func isNear(_ value: Double, _ other: Double) -> Bool { abs(value - other) <= 1e-9 * abs(other) }

    @Test func `use that has ended counts half after each half-life`() throws {
        var site = try Site()
        let attempt = try site.started(try site.submitted(), cores: 0..<2)
        let end = Timestamp.epoch + .seconds(100)
        try site.ended(attempt, at: end)

        let atEnd = used(site, at: end)
        #expect(abs(atEnd - 200) < 0.1, "so soon hardly anything is forgotten")
        #expect(isNear(used(site, at: end + Self.week), atEnd / 2))
        #expect(isNear(used(site, at: end + Self.week + Self.week), atEnd / 4))
    }

    @Test func `what is held counts from its start on, and is forgotten at the same time`() throws {
        var site = try Site()
        _ = try site.started(try site.submitted(), cores: 0..<4)

        #expect(used(site, at: .epoch) == 0)
        let held = 4 * Self.weekSeconds / log(2)
        #expect(isNear(used(site, at: .epoch + Self.week), held / 2))
        #expect(isNear(used(site, at: .epoch + Self.week + Self.week), held * 3 / 4))
        let years = Timestamp.epoch + .seconds(3650 * 86_400)
        #expect(isNear(used(site, at: years), held), "use settles where as much comes in as is forgotten")
    }

    @Test func `changes on the way leave the sum as it is`() throws {
        var (site, other) = (try Site(), try Site())
        let (start, middle) = (Timestamp.epoch, Timestamp.epoch + .seconds(5000))
        _ = try site.started(try site.submitted(), cores: 0..<3, at: start)
        _ = try site.started(try site.submitted(), cores: 3..<4, at: middle)
        _ = try other.started(try other.submitted(), cores: 3..<4, at: middle)
        var alone = try Site()
        _ = try alone.started(try alone.submitted(), cores: 0..<3, at: start)

        let later = start + Self.week
        #expect(isNear(used(site, at: later), used(other, at: later) + used(alone, at: later)))
    }

    @Test func `memory and devices count as cores`() {
        let allocation = Allocation(
            node: "n1", cpus: [0, 1], coreCount: 2, memory: [.init(numaNode: 0, bytes: 24 << 30)],
            devices: [.init(name: "gpu0", kind: "gpu", thousandths: 500)], shape: 0, isExclusive: false)
        #expect(UsageLedger.charge(for: allocation) == 2 + 3 + 8)
    }

    @Test func `users and projects have accounts of their own`() throws {
        var site = try Site()
        for (number, (user, project)) in [("ada", "llm"), ("bob", "llm"), ("ada", "vision"), ("eve", nil)].enumerated()
        {
            let job = try site.submitted(user: user, project: project)
            _ = try site.started(job, cores: number..<number + 1)
        }
        let time = Timestamp.epoch + .seconds(3600)

        let one = used(site, at: time)
        let totals = site.cluster.usage.totals(at: time, halfLife: Self.week)
        #expect(totals.usersByProject == ["llm": 2, "vision": 1, "": 1])
        #expect(totals.byProject["llm"].map { isNear($0, 2 * one) } == true)
        #expect(isNear(totals.all, 4 * one))
        #expect(isNear(used(site, by: .user("ada", project: "llm"), at: time), one))
        #expect(used(site, by: .user("bob", project: "vision"), at: time) == 0)
    }

    @Test func `what is given back in another order leaves nothing held`() throws {
        var site = try Site()
        let attempts = try (0..<7).map { number in
            try site.started(try site.submitted(), cores: number..<number + 1, gibibytes: 1, qsim: 0)
        }
        let end = Timestamp.epoch + .seconds(60)
        for place in [3, 0, 6, 1, 5, 2, 4] { try site.ended(attempts[place], at: end) }

        #expect(isNear(used(site, at: end + Self.week), used(site, at: end) / 2))
    }

    @Test func `an account vanishes once nothing is held and next to nothing remembered`() throws {
        var site = try Site()
        try site.ended(try site.started(try site.submitted()))
        #expect(site.cluster.usage == UsageLedger(), "it has used nothing")

        let end = Timestamp.epoch + .seconds(1000)
        try site.ended(try site.started(try site.submitted()), at: end)
        #expect(site.cluster.usage != UsageLedger())
        let muchLater = end + .seconds(20 * 7 * 86_400)
        try site.ended(try site.started(try site.submitted(), at: muchLater), at: muchLater)
        #expect(site.cluster.usage == UsageLedger())
    }

    @Test func `a half-life of nothing and a clock that goes back are borne`() throws {
        var site = try Site()
        let start = Timestamp.epoch + .seconds(100)
        _ = try site.started(try site.submitted(), cores: 0..<2, at: start)
        #expect(used(site, at: .epoch) == 0)
        #expect(used(site, at: start + .seconds(100), halfLife: .zero).isFinite)
    }
}
