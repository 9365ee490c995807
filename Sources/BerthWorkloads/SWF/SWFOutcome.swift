extension SimulationRun {
    /// Slowdowns are measured against runs of at least so many seconds.
    private static let thresholdSeconds = 10.0

    /// What came of a pool's jobs.
    init(_ pool: SWFPool, label: String) {
        let first = pool.jobs.first?.submitSeconds ?? 0
        var schedule = Schedule(unit: "processors", capacity: Double(pool.processors))
        var slowdowns = 0.0
        var flows = 0.0
        var worstSlowdown = 0.0
        var longestFlow = 0.0
        var work = 0.0
        var last = first
        for (job, start) in zip(pool.jobs, pool.starts) {
            guard let start else { continue }
            let run = Double(job.runSeconds)
            let flow = Double(start - job.submitSeconds) + run
            let slowdown = max(1, flow / max(Self.thresholdSeconds, run))
            slowdowns += slowdown
            flows += flow
            worstSlowdown = max(worstSlowdown, slowdown)
            longestFlow = max(longestFlow, flow)
            work += run * Double(job.width)
            last = max(last, start + job.runSeconds)
            schedule.entries.append(
                Schedule.Entry(
                    job: String(job.number), start: Double(start - first), end: Double(start - first) + run,
                    width: Double(job.width)))
        }
        let count = Double(pool.jobs.count)
        self.init(
            label: label,
            metrics: [
                Metric("averageBoundedSlowdown", slowdowns / count),
                Metric("maximumBoundedSlowdown", worstSlowdown),
                Metric("meanFlowSeconds", flows / count),
                Metric("maximumFlowSeconds", longestFlow),
                Metric("jobs", count),
                Metric("utilization", work / (Double(last - first) * Double(pool.processors))),
            ], schedule: schedule)
    }
}
