/// A job of a published stream.
struct GavelJob: Hashable, Sendable {
    var name: String
    /// When it comes, in units of the mean time between two arrivals.
    var arrival: Double
    /// Its row in `GavelSpeeds`.
    var kind: Int
    var gang: Int
    var steps: Double
}

extension GavelJob {
    /// Ten years: beyond, a run would take rounds without end.
    private static let mostSeconds = 3.2e8

    /// Reads a stream: `job,arrival_unit,job_type,scale_factor,total_steps`, in the order of arrival.
    static func read(_ text: String, speeds: GavelSpeeds, cluster: GavelCluster) throws(TraceError) -> [GavelJob] {
        let table = try GavelTable(
            text, name: "jobs", columns: ["job", "arrival_unit", "job_type", "scale_factor", "total_steps"])
        var jobs: [GavelJob] = []
        jobs.reserveCapacity(table.rows.count)
        var latest = 0.0
        for row in table.rows {
            let arrival = try table.number(row, 1, in: 0...1e9)
            guard arrival >= latest else {
                throw TraceError("Line \(row.line) of the jobs arrives before the line above. Sort by arrival_unit.")
            }
            latest = arrival
            let gang = try table.count(row, 3, in: 1...GavelSpeeds.mostDevices)
            let kind = GavelSpeeds.Kind(jobType: table.text(row, 2), gang: gang)
            guard let number = speeds.number(of: kind) else {
                throw TraceError(
                    "Line \(row.line) of the jobs: \"\(kind.jobType)\" on \(gang) devices is not in the throughputs.")
            }
            let job = GavelJob(
                name: table.text(row, 0), arrival: arrival, kind: number, gang: gang,
                steps: try table.number(row, 4, in: 1e-6...1e15))
            try job.checkThatItCanEnd(on: cluster, speeds: speeds.alone[number], line: row.line)
            jobs.append(job)
        }
        guard !jobs.isEmpty else { throw TraceError("The jobs have no line after the column names.") }
        return jobs
    }

    private func checkThatItCanEnd(on cluster: GavelCluster, speeds: [Double], line: Int) throws(TraceError) {
        var fastest = 0.0
        for (type, speed) in zip(cluster.types, speeds) where type.count >= gang { fastest = max(fastest, speed) }
        guard fastest * Self.mostSeconds >= steps else {
            throw TraceError(
                "Line \(line) of the jobs cannot end: \(steps) steps at \(fastest) a second on \(gang) devices of "
                    + "one type. Give it fewer steps, or a cluster that is wide and fast enough.")
        }
    }
}
