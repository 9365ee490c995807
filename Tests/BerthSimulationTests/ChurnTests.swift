import BerthModel
import BerthSimulation
import Testing

/// A day of a cluster on which everything happens that can: launches, kills, preemptions, restarts of the controller, of
/// agents and of keepers, lost and bad nodes, drains, families that fail.
@Suite struct ChurnTests {
    private func day(seed: UInt64) throws -> Simulation {
        var simulation = Simulation(
            seed: seed, jobs: 100, nodes: 6, faults: Set(Fault.allCases), workingTime: .seconds(23 * 3600))
        let start = simulation.time
        try simulation.run(for: .seconds(72 * 3600))
        #expect(simulation.time - start >= .seconds(24 * 3600))
        return simulation
    }

    /// - Returns: how often each kind of event is in the journal.
    private func counts(_ simulation: Simulation) -> [String: Int] {
        simulation.journal.events.reduce(into: [:]) { $0[$1.event.name, default: 0] += 1 }
    }

    @Test(arguments: [1, 7, 11] as [UInt64])
    func `a day of churn leaves nothing behind`(seed: UInt64) throws {
        let simulation = try day(seed: seed)
        try simulation.checkRest()
        #expect(try simulation.replayed() == simulation.cluster)
        let counts = counts(simulation)
        for kind in ["launched", "stopping", "nodeLost", "nodeReturned", "nodeDrained", "jobsHeld", "released"] {
            #expect(counts[kind, default: 0] > 0, "a day without \(kind) shows nothing of it")
        }
        let successors = simulation.journal.events.count {
            if case .started(let attempt, _) = $0.event { attempt.predecessor != nil } else { false }
        }
        #expect(successors > 10, "a day in which few tasks take over from others shows nothing of it")
    }

    @Test func `in a day of churn Berth drains nodes with evidence, and lets families go that succeed again`() throws {
        var drains: [Node.Drain] = []
        var released = 0
        for seed in 2...3 as ClosedRange<UInt64> {
            for recorded in try day(seed: seed).journal.events {
                switch recorded.event {
                case .nodeDrained(_, let drain) where drain.by == "berth": drains.append(drain)
                case .familyReleased: released += 1
                default: break
                }
            }
        }
        #expect(!drains.isEmpty && drains.allSatisfy { ($0.evidence?.count ?? 0) >= 3 })
        #expect(released > 0)
    }
}
