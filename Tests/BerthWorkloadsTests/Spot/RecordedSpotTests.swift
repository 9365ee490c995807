import BerthWorkloads
import Testing

private let records = PublishedRecords("spot-preemption")

/// Recorded traces, where the shared data are at hand.
@Suite(.enabled(if: records.areAtHand))
struct RecordedSpotTests {
    private func trace(_ name: String) throws -> SpotTrace {
        try SpotTrace(json: records.unzipped(name + ".json.gz"), name: name)
    }

    @Test func `berth needs less on-demand time and money than uniform progress`() throws {
        let traces = try ["us-west-2b_v100_8", "us-west-2a_k80_8"].map {
            try trace("availability__1-node__aws-10-26-2022__" + $0)
        }
        let experiment = try SpotExperiment(traces: traces, starts: 60)
        let berth = experiment.simulate(.berth)
        let uniform = experiment.simulate(.uniformProgress)
        for (ours, theirs) in zip(berth, uniform) {
            for metric in ["onDemandHours", "cost"] {
                #expect(try #require(ours.value(metric)) < (try #require(theirs.value(metric))))
            }
            #expect(ours.value("missedDeadlines") == 0)
        }
    }

    @Test func `what was there before the start helps`() throws {
        let traces = [try trace("availability__1-node__aws-10-26-2022__us-west-2a_k80_8")]
        func onDemandHours(usesHistory: Bool) throws -> Double {
            let experiment = try SpotExperiment(traces: traces, starts: 40, usesHistory: usesHistory)
            return try #require(experiment.simulate(.berth).first?.value("onDemandHours"))
        }
        #expect(try onDemandHours(usesHistory: true) < onDemandHours(usesHistory: false))
    }

    @Test func `the published policies come out as published`() throws {
        let names = [
            "2a_k80_1", "2a_k80_8", "2a_v100_1", "2a_v100_8", "2b_k80_1", "2b_k80_8", "2b_v100_1", "2b_v100_8",
        ]
        let traces = try names.map { try trace("availability__1-node__aws-10-26-2022__us-west-" + $0) }
        let experiment = try SpotExperiment(traces: traces)
        func onDemandHours(_ policy: SpotPolicy) -> Double {
            experiment.simulate(policy).compactMap { $0.value("onDemandHours") }.reduce(0, +) / 8
        }
        // Table 3 says 30.8 and 25.1, a simulation independent of this one 29.5 and 25.4; the starts move it by 1.
        #expect(abs(onDemandHours(.greedy) - 29.5) < 1)
        #expect(abs(onDemandHours(.uniformProgress) - 25.1) < 1)
        #expect(onDemandHours(.ondemand) == 48)
    }
}
