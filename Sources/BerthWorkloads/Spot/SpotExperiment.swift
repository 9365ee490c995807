import BerthModel
import BerthPlanner

/// One job with a deadline, started at many moments of recorded spot availability: how much on-demand time does a
/// policy need?
///
/// Protocol: Wu et al., NSDI 2024, section 5. At each probe the policy sees whether spot capacity is there, and chooses
/// to wait, spot or on-demand. A newly taken instance makes no progress for a changeover, and is paid for. Starts are
/// random, the same for each policy, and leave the whole deadline inside the trace.
public struct SpotExperiment: Sendable {
    private let traces: [SpotTrace]
    private let job: DeadlineJob
    private let starts: Int
    private let seed: UInt64
    private let usesHistory: Bool
    private let priceRatio: Double

    /// Defaults are those of the paper's table 3.
    ///
    /// - Parameters:
    ///   - usesHistory: whether Berth's policy knows the trace before the job's start, as a fleet that has been running
    ///     would; else it starts knowing nothing.
    ///   - priceRatio: what an hour of on-demand costs in hours of spot.
    public init(
        traces: [SpotTrace], workSeconds: Double = 48 * 3600, deadlineSeconds: Double = 60 * 3600,
        changeoverSeconds: Double = 720, starts: Int = 300, seed: UInt64 = 1, usesHistory: Bool = false,
        priceRatio: Double = 3
    ) throws(TraceError) {
        guard workSeconds > 0, changeoverSeconds >= 0, deadlineSeconds <= 1e8 else {
            throw TraceError(
                """
                A job of \(workSeconds) s with a changeover of \(changeoverSeconds) s by \(deadlineSeconds) s is none: \
                work is above 0, a changeover is not negative, a deadline is at most 1e8 s.
                """)
        }
        guard workSeconds + changeoverSeconds <= deadlineSeconds else {
            throw TraceError(
                """
                \(workSeconds) s of work and a changeover of \(changeoverSeconds) s cannot end by \(deadlineSeconds) s, \
                even on demand: give it at least \(workSeconds + changeoverSeconds) s.
                """)
        }
        guard (1...1_000_000).contains(starts), priceRatio > 0, priceRatio < .infinity else {
            throw TraceError(
                "\(starts) starts at a price ratio of \(priceRatio): take 1 to 1000000, and a ratio above 0.")
        }
        for trace in traces where Double(trace.isAvailable.count) * trace.gapSeconds < deadlineSeconds {
            throw TraceError(
                """
                Trace \(trace.name) is \(Double(trace.isAvailable.count) * trace.gapSeconds) s long; a deadline of \
                \(deadlineSeconds) s does not fit into it.
                """)
        }
        self.traces = traces
        job = DeadlineJob(
            workSeconds: workSeconds, remainingSeconds: deadlineSeconds, changeoverSeconds: changeoverSeconds)
        self.starts = starts
        self.seed = seed
        self.usesHistory = usesHistory
        self.priceRatio = priceRatio
    }

    /// One run per trace: means over the starts of `onDemandHours` and `spotHours` (hours of progress, which make up
    /// the job's work) and of `cost` (spot-hours paid for, changeovers included), and the count of `missedDeadlines`.
    public func simulate(_ policy: SpotPolicy) -> [SimulationRun] {
        traces.enumerated().map { index, trace in
            let runs = policy == .berth ? planned(on: trace, index) : ruled(by: policy, on: trace, index)
            func mean(_ value: (SpotJobRun) -> Double) -> Double {
                runs.reduce(0) { $0 + value($1) } / Double(runs.count) / 3600
            }
            return SimulationRun(
                label: trace.name,
                metrics: [
                    .init("onDemandHours", mean(\.onDemandWorkSeconds)),
                    .init("spotHours", mean(\.spotWorkSeconds)),
                    .init("missedDeadlines", Double(runs.count { $0.isLate })),
                    .init("cost", mean { $0.spotPaidSeconds + priceRatio * $0.onDemandPaidSeconds }),
                ])
        }
    }

    private func ruled(by policy: SpotPolicy, on trace: SpotTrace, _ index: Int) -> [SpotJobRun] {
        let rule = SpotRule(policy: policy, start: job, gapSeconds: trace.gapSeconds)
        return startProbes(in: trace, index).map { start in
            run(on: trace, from: start) { job, isAvailable in rule.choice(for: job, isAvailable: isAvailable) }
        }
    }

    private func planned(on trace: SpotTrace, _ index: Int) -> [SpotJobRun] {
        var forecast = SpotForecast()
        var seen = 0
        func planner() -> SpotPlanner { SpotPlanner(for: job, forecast: forecast, lookSeconds: trace.gapSeconds) }
        let ignorant = planner()
        return startProbes(in: trace, index).map { start in
            if usesHistory {
                for probe in seen..<start {
                    forecast.observe(available: trace.isAvailable[probe], after: trace.gapSeconds)
                }
                seen = start
            }
            var planner = usesHistory ? planner() : ignorant
            return run(on: trace, from: start) { job, isAvailable in
                planner.observe(available: isAvailable, after: trace.gapSeconds)
                return planner.decide(job)
            }
        }
    }

    /// Random probes, in order of time.
    private func startProbes(in trace: SpotTrace, _ index: Int) -> [Int] {
        var random = SeededGenerator(seed: seed &+ UInt64(index))
        let last = trace.isAvailable.count - Int((job.remainingSeconds / trace.gapSeconds).rounded(.up))
        return (0..<starts).map { _ in Int.random(in: 0...max(0, last), using: &random) }.sorted()
    }

    private func run(
        on trace: SpotTrace, from start: Int, _ decide: (DeadlineJob, _ isAvailable: Bool) -> SpotChoice
    ) -> SpotJobRun {
        var run = SpotJobRun(job)
        var probe = start
        while !run.hasEnded {
            // Past the trace's end nothing is known to be there.
            let isAvailable = probe < trace.isAvailable.count && trace.isAvailable[probe]
            if !isAvailable { run.losesSpot() }
            run.run(on: decide(run.job, isAvailable), for: trace.gapSeconds)
            probe += 1
        }
        return run
    }
}
