/// How a project stands: what is meant for it, what it has used lately, and what it holds now.
public struct ProjectStanding: Hashable, Sendable {
    /// Empty for the jobs that name no project; they share an account.
    public var project: String
    /// Its parts of the cluster, against those of the other projects.
    public var share: Double
    /// Core-seconds, old use counting less; see `UsageLedger`.
    public var usedCoreSeconds: Double
    /// Of what all projects have used lately, 0 to 1.
    public var usedPart: Double
    public var held: Amount
    public var quota: PlanningConfiguration.Quota?
    /// What it holds beyond its quota: all of it where only others have one, nothing where nobody has.
    public var borrowed: Amount

    /// Cores, and GPUs in thousandths.
    public struct Amount: Hashable, Sendable {
        public var cores = 0
        public var gpuThousandths = 0

        public init(cores: Int = 0, gpuThousandths: Int = 0) {
            self.cores = cores
            self.gpuThousandths = gpuThousandths
        }

        fileprivate func beyond(_ other: Amount) -> Amount {
            Amount(
                cores: max(0, cores - other.cores), gpuThousandths: max(0, gpuThousandths - other.gpuThousandths))
        }
    }
}

extension Cluster {
    /// Every project that has a share or a quota, has used something lately or has a job, by name.
    ///
    /// - Complexity: O(j + a) for j jobs and a accounts.
    public func projectStandings(at now: Timestamp) -> [ProjectStanding] {
        let planning = configuration.planning
        let usage = usage.totals(at: now, halfLife: planning.fairShare.halfLife)
        let held = heldByProject
        let names = Set(planning.fairShare.projectShares.keys).union(planning.quotas.map(\.project))
            .union(usage.byProject.keys).union(held.keys)
        return names.sorted().map { project in
            let holds = held[project] ?? ProjectStanding.Amount()
            let used = usage.byProject[project] ?? 0
            let quota = planning.quota(of: project)
            let own = ProjectStanding.Amount(
                cores: quota?.cores ?? 0, gpuThousandths: (quota?.gpus ?? 0) * GPURequest.whole)
            return ProjectStanding(
                project: project, share: planning.fairShare.projectShares[project] ?? 1, usedCoreSeconds: used,
                usedPart: usage.all > 0 ? used / usage.all : 0, held: holds, quota: quota,
                borrowed: planning.quotas.isEmpty ? ProjectStanding.Amount() : holds.beyond(own))
        }
    }

    /// By project; zero for those whose jobs all wait.
    private var heldByProject: [String: ProjectStanding.Amount] {
        var held: [String: ProjectStanding.Amount] = [:]
        for job in jobs.values {
            var amount = held[job.specification.account] ?? ProjectStanding.Amount()
            let live = job.active == 0 ? [] : job.tasks.values.compactMap(\.state.attempt)
            let holders = live.filter { !isSuccessor($0) }
            for allocation in holders.flatMap(\.allocations) {
                amount.cores += allocation.coreCount
                for device in allocation.devices where device.kind == "gpu" {
                    amount.gpuThousandths += device.thousandths
                }
            }
            held[job.specification.account] = amount
        }
        return held
    }
}
