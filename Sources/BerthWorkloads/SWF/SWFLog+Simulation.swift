extension SWFLog {
    /// Runs the log, or windows of it, under a policy.
    ///
    /// In whole logs `fcfs` is strict, and `sjf` and `f1` are EASY with the queue in that order. In windows these three
    /// run in the published loop, with backfilling; all others decide at every event, as in whole logs.
    ///
    /// - Parameter windowStarts: where windows begin, counted in cleaned jobs from 0; nil takes the published ones.
    /// - Returns: one run labelled `log`, or one labelled `window 1981` for each window. Each holds the metrics
    ///   `averageBoundedSlowdown` and `maximumBoundedSlowdown` (threshold 10 s), `meanFlowSeconds` and
    ///   `maximumFlowSeconds` (submission to end), `jobs`, and `utilization` (0 to 1, first submission to last end).
    public func simulate(
        _ policy: SWFPolicy, estimates: SWFEstimates, protocol: SWFProtocol, windowStarts: [Int]? = nil
    ) throws(TraceError) -> [SimulationRun] {
        switch `protocol` {
        case .full:
            let jobs = cleanedWhole()
            guard !jobs.isEmpty else {
                throw TraceError(
                    "All \(records.count) jobs of the log are incomplete or wider than its \(processors) processors.")
            }
            return [SWFSimulation(jobs, processors: processors, estimates: estimates).run(policy, label: "log")]
        case .windows:
            let jobs = try cleanedForWindows()
            var runs: [SimulationRun] = []
            for start in windowStarts ?? Self.publishedWindowStarts {
                guard (0...jobs.count - Self.windowLength).contains(start) else {
                    throw TraceError(
                        "A window of \(Self.windowLength) jobs cannot start at \(start): the log has \(jobs.count) "
                            + "usable jobs; the last start is \(jobs.count - Self.windowLength).")
                }
                let window = Self.inOrderOfSubmission(Array(jobs[start..<start + Self.windowLength]))
                let simulation = SWFSimulation(window, processors: processors, estimates: estimates)
                runs.append(simulation.runWindow(policy, label: "window \(start)"))
            }
            return runs
        }
    }
}

/// Cleaned jobs on an empty machine, to be run under any policy.
struct SWFSimulation {
    let jobs: [SWFJob]
    let processors: Int
    let estimates: SWFEstimates

    init(_ jobs: [SWFJob], processors: Int, estimates: SWFEstimates) {
        self.jobs = jobs
        self.processors = processors
        self.estimates = estimates
    }

    /// What policies believe of run times.
    private var believed: [Int] {
        switch estimates {
        case .requested: jobs.map(\.requestedSeconds)
        case .exact: jobs.map(\.runSeconds)
        }
    }

    func run(_ policy: SWFPolicy, label: String) -> SimulationRun {
        SimulationRun(ran(policy), label: label)
    }

    func runWindow(_ policy: SWFPolicy, label: String) -> SimulationRun {
        switch policy {
        case .fcfs, .sjf, .f1:
            var pool = SWFPool(jobs, processors: processors)
            var loop = CommittedOrder(policy, jobs: jobs, believed: believed)
            loop.run(in: &pool)
            return SimulationRun(pool, label: label)
        case .berth, .easy, .easySJBF, .conservative: return run(policy, label: label)
        }
    }

    /// The pool after all jobs have started, each event decided on as it comes.
    func ran(_ policy: SWFPolicy) -> SWFPool {
        var pool = SWFPool(jobs, processors: processors)
        switch policy {
        case .berth:
            var scheduler = BerthBackfilling(believed: believed, estimates: estimates)
            pool.run(&scheduler)
        case .conservative:
            var scheduler = ConservativeBackfilling(processors: processors, believed: believed)
            pool.run(&scheduler)
        case .fcfs, .sjf, .f1, .easy, .easySJBF:
            var scheduler = EasyBackfilling(policy, jobs: jobs, believed: believed)
            pool.run(&scheduler)
        }
        return pool
    }
}
