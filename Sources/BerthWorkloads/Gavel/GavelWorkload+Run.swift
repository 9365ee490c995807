import BerthPlanner

extension GavelWorkload {
    /// Runs the protocol in virtual time. Pure: the same arguments give the same run.
    ///
    /// - Returns: `makespanHours`, from 0 to the end of the last measured job; `averageCompletionHours`, from
    ///   arrival to end, over the measured jobs; `lowerBoundHours` for the figure that the mode is about, without
    ///   sharing; `preemptions`, the changes of place of all jobs.
    public func simulate(_ policy: GavelPolicy, mode: Mode, label: String) throws(TraceError) -> SimulationRun {
        let arrivals = try GavelArrivals(of: jobs, mode: mode)
        var simulation = GavelSimulation(self, arrivals: arrivals)
        switch policy {
        case .berth:
            var planner = GavelBerth(self, mode: mode)
            simulation.run(&planner)
        case .fifo:
            var planner = GavelFIFO(self)
            simulation.run(&planner)
        case .las:
            var planner = GavelLAS(self)
            simulation.run(&planner)
        }
        return SimulationRun(
            label: label,
            metrics: [
                .init("makespanHours", simulation.lastEndSeconds / 3_600),
                .init("averageCompletionHours", simulation.averageCompletionSeconds / 3_600),
                .init("lowerBoundHours", lowerBoundSeconds(arrivals, mode: mode) / 3_600),
                .init("preemptions", Double(simulation.record.preemptions)),
            ],
            schedule: simulation.record.finished())
    }

    private func lowerBoundSeconds(_ arrivals: GavelArrivals, mode: Mode) -> Double {
        let measured = arrivals.measured.map { throughputJob(jobs[arrivals.arrivals[$0].job]) }
        switch mode {
        case .makespan:
            return MakespanShares(measured, capacities: cluster.capacities, tolerance: 1e-8).seconds
        case .continuous:
            let alone = measured.reduce(0) { $0 + $1.remainingSteps / $1.bestStepsPerSecond }
            return alone / Double(measured.count)
        }
    }

    /// A job as the planner sees it, with `remainingSteps` to do, or all of them.
    func throughputJob(_ job: GavelJob, remainingSteps: Double? = nil) -> ThroughputJob {
        ThroughputJob(
            devices: job.gang, remainingSteps: remainingSteps ?? job.steps, stepsPerSecond: speeds.alone[job.kind],
            kind: job.kind)
    }
}
