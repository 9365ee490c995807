import BerthModel
import BerthWorkloads
import Testing

struct SpotExperimentTests {
    private func trace(_ isAvailable: [Bool]) -> SpotTrace {
        SpotTrace(name: "made", gapSeconds: 600, isAvailable: isAvailable)
    }

    private func simulate(
        _ policy: SpotPolicy, _ trace: SpotTrace, changeoverSeconds: Double = 720, starts: Int = 1
    ) throws -> SimulationRun {
        let experiment = try SpotExperiment(
            traces: [trace], workSeconds: 8 * 3600, deadlineSeconds: 10 * 3600, changeoverSeconds: changeoverSeconds,
            starts: starts, seed: 3)
        return try #require(experiment.simulate(policy).first)
    }

    @Test(arguments: SpotPolicy.allCases)
    func `without spot capacity the work is done on demand, in time`(policy: SpotPolicy) throws {
        let run = try simulate(policy, trace(Array(repeating: false, count: 60)))
        #expect(run.value("onDemandHours") == 8)
        #expect(run.value("spotHours") == 0)
        #expect(run.value("missedDeadlines") == 0)
        // 8 hours and one changeover of 12 minutes, three times as dear as spot.
        let cost = try #require(run.value("cost"))
        #expect(abs(cost - 3 * 8.2) < 1e-6 || policy == .berth && cost < 3 * 8.4 + 1e-6)
    }

    @Test(arguments: [SpotPolicy.berth, .greedy, .uniformProgress])
    func `where spot capacity never goes away, nothing else is used`(policy: SpotPolicy) throws {
        let run = try simulate(policy, trace(Array(repeating: true, count: 60)))
        #expect(run.value("spotHours") == 8)
        #expect(abs(try #require(run.value("cost")) - 8.2) < 1e-6)
    }

    @Test func `greedy waits until only on-demand can still make it`() throws {
        // Spot for two hours, then never: six hours are left, and the wait ends when slack falls under 2 changeovers.
        let run = try simulate(.greedy, trace((0..<60).map { $0 < 12 }))
        #expect(abs(try #require(run.value("spotHours")) - 1.8) < 1e-6)
        #expect(abs(try #require(run.value("onDemandHours")) - 6.2) < 1e-6)
    }

    @Test func `uniform progress goes on demand once it is behind the line, and leaves it for spot when ahead`() throws
    {
        // One probe of waiting puts it behind. Spot comes after five hours, when on-demand has done all but that probe
        // and a changeover of them: 4.63 hours, and the line asks for 0.8 × 5.4 = 4.32.
        let run = try simulate(.uniformProgress, trace((0..<60).map { $0 >= 30 }))
        let expected = 5 - 1.0 / 6 - 0.2
        #expect(abs(try #require(run.value("onDemandHours")) - expected) < 1e-6)
        #expect(run.value("missedDeadlines") == 0)
    }

    @Test(arguments: SpotPolicy.allCases, [60.0, 600, 720, 3_000])
    func `no adversary makes a policy miss a deadline`(policy: SpotPolicy, changeoverSeconds: Double) throws {
        var random = SeededGenerator(seed: 11)
        let adversaries = [
            (0..<120).map { $0 % 2 == 0 },
            (0..<120).map { $0 % 12 == 5 },
            (0..<120).map { $0 < 50 },
            (0..<120).map { $0 > 40 && $0 < 58 },
            (0..<120).map { _ in Bool.random(using: &random) },
        ]
        for adversary in adversaries {
            let run = try simulate(policy, trace(adversary), changeoverSeconds: changeoverSeconds, starts: 40)
            #expect(run.value("missedDeadlines") == 0)
            let hours = try #require(run.value("onDemandHours")) + (try #require(run.value("spotHours")))
            #expect(abs(hours - 8) < 1e-6)
        }
    }

    @Test func `the same seed gives the same starts to each call`() throws {
        let flaps = trace((0..<200).map { $0 % 7 < 4 })
        #expect(try simulate(.berth, flaps, starts: 20).metrics == simulate(.berth, flaps, starts: 20).metrics)
    }

    @Test func `a deadline that on-demand cannot meet is refused`() {
        #expect(throws: TraceError.self) {
            try SpotExperiment(traces: [], workSeconds: 36_000, deadlineSeconds: 36_000)
        }
        #expect(throws: TraceError.self) {
            try SpotExperiment(traces: [], workSeconds: .nan, deadlineSeconds: 36_000)
        }
        #expect(throws: TraceError.self) { try SpotExperiment(traces: [], starts: 0) }
        #expect(throws: TraceError.self) { try SpotExperiment(traces: [trace([true])]) }
    }
}
