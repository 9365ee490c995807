import BerthWorkloads

/// Deep-learning jobs on GPUs of several types: a run for each stream of jobs.
enum GavelFormat: TraceFormat {
    static let options: Set<SimulationArguments.OptionName> = [
        .workload, .policy, .throughputs, .colocated, .jobs, .jobsPerHour,
    ]
    static let knowsTime = true

    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart] {
        let policy = try arguments.chosenPolicy(GavelPolicy.self)
        let mode = try mode(arguments)
        guard let throughputs = arguments.throughputs else {
            throw Failure(2, "The format gavel needs the jobs' speeds too. Name their file with --throughputs.")
        }
        let speeds = try WorkloadFile(throughputs).text()
        let shared = try arguments.colocated.map { try WorkloadFile($0).text() }
        return try arguments.workloads().map { file in
            let workload = try file.read { jobs throws(TraceError) in
                try GavelWorkload(jobs: jobs, throughputs: speeds, colocated: shared)
            }
            return SimulationPart { [try workload.simulate(policy, mode: mode, label: file.stem)] }
        }
    }

    private static func mode(_ arguments: SimulationArguments) throws -> GavelWorkload.Mode {
        switch (arguments.jobs, arguments.jobsPerHour) {
        case (let jobs?, nil): return .makespan(jobs: try arguments.count(jobs, .jobs, atMost: 1_000_000))
        case (nil, let rate?): return .continuous(jobsPerHour: rate)
        case (nil, nil):
            throw Failure(
                2, "When do the jobs come? --jobs N starts with the first N, --jobs-per-hour R lets them come.")
        default: throw Failure(2, "--jobs and --jobs-per-hour do not go together. Use one of them.")
        }
    }
}
