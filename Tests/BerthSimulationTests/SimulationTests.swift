import BerthModel
import BerthSimulation
import Testing

/// Hours of a small cluster's life each. A failure prints its seed, and the seed with the same faults brings it back.
@Suite struct SimulationTests {
    private func live(seed: UInt64, jobs: Int = 25, faults: Set<Fault>) throws -> Simulation {
        var simulation = Simulation(seed: seed, jobs: jobs, faults: faults)
        try simulation.run(for: .seconds(86_400))
        try simulation.checkRest()
        return simulation
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `every job ends, and the journal rebuilds the cluster`(seed: UInt64) throws {
        let simulation = try live(seed: seed, faults: Set(Fault.allCases))
        #expect(try simulation.replayed() == simulation.cluster)
    }

    @Test(arguments: Fault.allCases)
    func `every job ends, whatever fault strikes alone`(fault: Fault) throws {
        for seed in 0..<4 as Range<UInt64> { _ = try live(seed: seed, faults: [fault]) }
    }

    @Test(arguments: 1000..<1060 as Range<UInt64>)
    func `every job ends, whatever faults strike together`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        _ = try live(seed: seed, faults: Set(Fault.allCases.filter { _ in random.chance(0.4) }))
    }

    @Test func `without faults every job ends as well`() throws {
        for seed in 0..<6 as Range<UInt64> { _ = try live(seed: seed, faults: []) }
    }

    @Test(arguments: [7, 8] as [UInt64])
    func `a seed gives the same journal again, and another seed another`(seed: UInt64) throws {
        let first = try live(seed: seed, faults: Set(Fault.allCases))
        let second = try live(seed: seed, faults: Set(Fault.allCases))
        let other = try live(seed: seed + 100, faults: Set(Fault.allCases))
        #expect(first.journal.events == second.journal.events)
        #expect(first.journal.digest == second.journal.digest)
        #expect(first.journal.digest != other.journal.digest)
    }
}
