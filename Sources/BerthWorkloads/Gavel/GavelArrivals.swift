/// The jobs of one run: when each comes, and which of them are measured.
struct GavelArrivals: Sendable {
    struct Arrival: Hashable, Sendable {
        var seconds: Double
        /// Position in the workload's stream.
        var job: Int
    }

    /// In the order of arrival.
    var arrivals: [Arrival]
    /// Positions in `arrivals`. The run is over when all of these have ended.
    var measured: Range<Int>

    /// Arrivals of a job stream under a mode of the protocol.
    init(of jobs: [GavelJob], mode: GavelWorkload.Mode) throws(TraceError) {
        switch mode {
        case .makespan(let count):
            guard (1...jobs.count).contains(count) else {
                throw TraceError("\(count) jobs cannot be taken from a stream of \(jobs.count). Ask for fewer.")
            }
            arrivals = (0..<count).map { Arrival(seconds: 0, job: $0) }
            measured = 0..<count
        case .continuous(let jobsPerHour):
            guard (1e-3...1e6).contains(jobsPerHour) else {
                throw TraceError("\(jobsPerHour) jobs per hour is not a rate. Give a number from 0.001 to 1000000.")
            }
            let unit = 3_600 / jobsPerHour
            let last = jobs.last?.arrival ?? 0
            // A mean gap between the last job and the first of the second turn.
            let turn = last + max(last / Double(max(jobs.count - 1, 1)), 1)
            arrivals = [0, turn].flatMap { start in
                jobs.indices.map { Arrival(seconds: (start + jobs[$0].arrival) * unit, job: $0) }
            }
            measured = jobs.count * 4 / 5..<jobs.count
        }
    }
}
