import BerthPlanner

/// Deep-learning jobs whose speed depends on the type of GPU, under the published round-based protocol.
///
/// Source: Narayanan et al., "Heterogeneity-Aware Cluster Scheduling Policies for Deep Learning Workloads",
/// OSDI 2020; simulator at github.com/stanford-futuredata/gavel.
public struct GavelWorkload: Sendable {
    /// When the jobs come and what is measured.
    public enum Mode: Hashable, Sendable {
        /// The first jobs of the stream, all at time 0.
        case makespan(jobs: Int)
        /// Poisson arrivals at a rate; measured are the jobs of the last fifth, which meet a cluster in its
        /// steady state (jobs 4,000 to 4,999 of a published stream). Arrivals go on while they run: the stream
        /// starts again after its last job, once.
        case continuous(jobsPerHour: Double)
    }

    let cluster: GavelCluster
    let speeds: GavelSpeeds
    let jobs: [GavelJob]

    /// - Parameters:
    ///   - jobs: one stream, `job,arrival_unit,job_type,scale_factor,total_steps` and what else it has.
    ///   - throughputs: `worker_type,job_type,scale_factor,steps_per_second`; types that the cluster does not
    ///     name are passed over.
    ///   - colocated: the same for two jobs at a time; with it, Berth lets two jobs share GPUs.
    public init(
        jobs: String, throughputs: String, colocated: String? = nil, cluster: GavelCluster = .published
    ) throws(TraceError) {
        guard !cluster.types.isEmpty, cluster.types.count <= 16,
            cluster.types.allSatisfy({ (1...GavelSpeeds.mostDevices).contains($0.count) })
        else { throw TraceError("The cluster should have 1 to 16 types, each with 1 to 100000 devices.") }
        guard (1...1e6).contains(cluster.roundSeconds) else {
            throw TraceError("A round of \(cluster.roundSeconds) s is not possible. Give 1 to 1000000 s.")
        }
        self.cluster = cluster
        speeds = try GavelSpeeds(alone: throughputs, colocated: colocated, cluster: cluster)
        self.jobs = try GavelJob.read(jobs, speeds: speeds, cluster: cluster)
    }
}
