public import BerthModel

/// What is meant for a project, what it has used lately, and what it holds.
public struct ProjectView: Codable, Sendable, Hashable {
    /// null for the jobs that name no project.
    @Nullable public var project: String?
    /// Parts of the cluster, against those of the other projects.
    public var share: Double
    /// Old use counts less: after each half-life, half.
    public var usedCoreHours: Double
    /// Of what all projects have used lately, 0 to 1.
    public var usedPart: Double
    public var held: AmountView
    @Nullable public var quota: QuotaView?
    /// What it holds beyond its quota.
    public var borrowed: AmountView

    public struct AmountView: Codable, Sendable, Hashable {
        public var cores: Int
        /// 0.5 is half a GPU.
        public var gpus: Double

        init(_ amount: ProjectStanding.Amount) {
            cores = amount.cores
            gpus = Double(amount.gpuThousandths) / Double(GPURequest.whole)
        }
    }

    public struct QuotaView: Codable, Sendable, Hashable {
        public var cores: Int
        public var gpus: Int
        public var lends: Bool
        public var borrows: Bool

        init(_ quota: PlanningConfiguration.Quota) {
            cores = quota.cores
            gpus = quota.gpus
            lends = quota.lends
            borrows = quota.borrows
        }
    }

    public init(_ standing: ProjectStanding) {
        project = standing.project.isEmpty ? nil : standing.project
        share = standing.share
        usedCoreHours = standing.usedCoreSeconds / 3600
        usedPart = standing.usedPart
        held = AmountView(standing.held)
        quota = standing.quota.map(QuotaView.init)
        borrowed = AmountView(standing.borrowed)
    }
}
