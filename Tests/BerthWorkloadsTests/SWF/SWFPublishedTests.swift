import BerthWorkloads
import Testing

/// Figures that others printed, on their logs.
@Suite(.enabled(if: SWFData.isPresent))
struct SWFPublishedTests {
    @Test(arguments: [
        (SWFPolicy.easy, SWFEstimates.requested, 92.5765397336295, 309_231.0),
        (.easy, .exact, 71.7223851124418, 356_843), (.easySJBF, .requested, 69.4054005803035, 372_238),
        (.easySJBF, .exact, 49.8477189313406, 335_193),
    ])
    func `EASY on KTH-SP2 gives every printed digit`(
        policy: SWFPolicy, estimates: SWFEstimates, slowdown: Double, longest: Double
    ) throws {
        let run = try #require(
            try SWFData.log(SWFData.kth).simulate(policy, estimates: estimates, protocol: .full).first)
        #expect(run.value("jobs") == 28_481)
        #expect(abs((run.value("averageBoundedSlowdown") ?? 0) - slowdown) < 1e-9)
        #expect(run.value("maximumFlowSeconds") == longest)
    }

    @Test(arguments: [(SWFPolicy.fcfs, 235.82), (.sjf, 73.31), (.f1, 75.07)])
    func `RLScheduler's windows of Lublin-1 give both decimals`(policy: SWFPolicy, slowdown: Double) throws {
        #expect(abs(try meanOfWindows(policy) - slowdown) < 0.005)
    }

    @Test func `Berth's own policy stays below the best published figures`() throws {
        #expect(try meanOfWindows(.berth) < 58.64)
        let run = try SWFData.log(SWFData.kth).simulate(.berth, estimates: .requested, protocol: .full)[0]
        #expect((run.value("averageBoundedSlowdown") ?? .infinity) < 45.80)
    }

    private func meanOfWindows(_ policy: SWFPolicy) throws -> Double {
        let runs = try SWFData.log(SWFData.lublin).simulate(policy, estimates: .requested, protocol: .windows)
        return runs.reduce(0) { $0 + ($1.value("averageBoundedSlowdown") ?? .infinity) } / Double(runs.count)
    }
}
