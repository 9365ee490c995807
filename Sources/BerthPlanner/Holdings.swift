import BerthModel

/// Who holds how much now: for limits, quotas, and whom a preemption may reach.
struct Holdings: Sendable {
    private var byQueue: [String: Int] = [:]
    private var byUser: [Pair: Int] = [:]
    private var byProject: [Pair: Int] = [:]
    private var amounts: [String: Amount] = [:]
    private var preemptibleByTier: [Int: Int] = [:]
    private var borrowers = 0

    private struct Pair: Hashable {
        var queue: String
        var name: String
    }

    /// What quotas count.
    struct Amount {
        var cores = 0
        var gpuThousandths = 0

        init() {}

        /// What one task asks for, on all its nodes.
        init(_ request: ResourceRequest) {
            cores = request.cpus * request.nodes
            gpuThousandths = (request.gpus?.thousandths ?? 0) * request.nodes
        }

        /// What one task is given: more than it asks for where it has nodes for itself.
        init(_ allocations: [Allocation]) {
            cores = allocations.reduce(0) { $0 + $1.coreCount }
            gpuThousandths = allocations.reduce(0) { $0 + $1.gpuThousandths }
        }
    }

    /// The lowest tier with an attempt of a preemptible queue. One that is stopping counts until it has gone: until then each
    /// plan must find, and keep, the place for which others were stopped. The same holds of those that borrow.
    var lowestPreemptibleTier: Int? { preemptibleByTier.keys.min() }
    var hasBorrowers: Bool { borrowers > 0 }

    mutating func add(_ attempts: [RunningAttempt]) { for attempt in attempts { count(attempt, 1) } }
    mutating func remove(_ attempts: [RunningAttempt]) { for attempt in attempts { count(attempt, -1) } }

    private mutating func count(_ attempt: RunningAttempt, _ change: Int) {
        func add(_ value: inout Int?) { value = (value ?? 0) + change == 0 ? nil : (value ?? 0) + change }
        let project = attempt.project ?? ""
        if attempt.countsAsTask {
            add(&byQueue[attempt.queue])
            add(&byUser[Pair(queue: attempt.queue, name: attempt.user)])
            add(&byProject[Pair(queue: attempt.queue, name: project)])
        }
        amounts[project, default: Amount()].cores += change * attempt.allocation.coreCount
        amounts[project, default: Amount()].gpuThousandths += change * attempt.allocation.gpuThousandths
        if attempt.isPreemptible {
            add(&preemptibleByTier[attempt.tier])
            if attempt.isBorrowing { borrowers += change }
        }
    }

    /// The limit that keeps one more task of these terms from starting, whatever is free.
    func refusal(of terms: WaitingTerms, _ configuration: ClusterConfiguration, _ fleet: Fleet) -> WaitReason? {
        refusals(of: terms, configuration, fleet).first
    }

    /// Every limit that does.
    func refusals(of terms: WaitingTerms, _ configuration: ClusterConfiguration, _ fleet: Fleet) -> [WaitReason] {
        var reasons: [WaitReason] = []
        if let queue = configuration.queue(terms.queue) {
            if let limit = queue.maximumRunning, byQueue[queue.name, default: 0] >= limit {
                reasons.append(.queueLimit(queue: queue.name, limit: limit))
            }
            if let limit = queue.maximumRunningPerUser,
                byUser[Pair(queue: queue.name, name: terms.user), default: 0] >= limit
            {
                reasons.append(.userLimit(queue: queue.name, user: terms.user, limit: limit))
            }
            let project = terms.project ?? ""
            if let limit = queue.maximumRunningPerProject,
                byProject[Pair(queue: queue.name, name: project), default: 0] >= limit
            {
                reasons.append(.projectLimit(queue: queue.name, project: project, limit: limit))
            }
        }
        let quotas = terms.shapes.map { quotaRefusal(of: Amount($0.request), terms, configuration.planning, fleet) }
        if let first = quotas.first, let reason = first, !quotas.contains(where: { $0 == nil }) {
            reasons.append(reason)
        }
        return reasons
    }

    /// Whether one more task of these terms would make its project hold more than its quota.
    func wouldBorrow(_ terms: WaitingTerms, _ planning: PlanningConfiguration) -> Bool {
        guard !planning.quotas.isEmpty, let request = terms.shapes.first?.request else { return false }
        return wouldBorrow(Amount(request), terms, planning)
    }

    /// Whether so much more would make the terms' project hold more than its quota.
    func wouldBorrow(_ amount: Amount, _ terms: WaitingTerms, _ planning: PlanningConfiguration) -> Bool {
        guard !planning.quotas.isEmpty else { return false }
        guard let quota = planning.quota(of: terms.project ?? "") else { return true }
        let held = amounts[terms.project ?? "", default: Amount()]
        return held.cores + amount.cores > quota.cores
            || held.gpuThousandths + amount.gpuThousandths > quota.gpus * GPURequest.whole
    }

    /// Lenders keep what they do not lend; whoever may not borrow stays within its quota.
    func quotaRefusal(
        of amount: Amount, _ terms: WaitingTerms, _ planning: PlanningConfiguration, _ fleet: Fleet
    ) -> WaitReason? {
        guard wouldBorrow(amount, terms, planning) else { return nil }
        let project = terms.project ?? ""
        if let quota = planning.quota(of: project), !quota.borrows {
            return .quota(project: project, cores: quota.cores, gpus: quota.gpus)
        }
        var kept = Amount()
        for quota in planning.quotas where !quota.lends && quota.project != project {
            let held = amounts[quota.project, default: Amount()]
            kept.cores += max(0, quota.cores - held.cores)
            kept.gpuThousandths += max(0, quota.gpus * GPURequest.whole - held.gpuThousandths)
        }
        guard kept.cores > 0 || kept.gpuThousandths > 0 else { return nil }
        let free = fleet.freeAmounts
        if free.cores - amount.cores < kept.cores
            || (amount.gpuThousandths > 0 && free.gpuThousandths - amount.gpuThousandths < kept.gpuThousandths)
        {
            return .lent(cores: kept.cores, gpus: kept.gpuThousandths / GPURequest.whole)
        }
        return nil
    }
}

extension Fleet {
    /// Free cores and thousandths of GPUs on nodes that take work.
    ///
    /// - Complexity: O(groups); asked only where a quota is not lent.
    var freeAmounts: (cores: Int, gpuThousandths: Int) {
        groups.reduce(into: (0, 0)) { sum, group in
            guard !group.members.isEmpty else { return }
            let devices = makes[group.summary.make].devices
            let gpus = devices.indices.reduce(0) {
                devices[$1].kind == "gpu" ? $0 + Int(group.summary.devices[$1]) : $0
            }
            sum.0 += group.summary.coreCount * group.members.count
            sum.1 += gpus * group.members.count
        }
    }
}

extension Allocation {
    var gpuThousandths: Int { devices.reduce(0) { $1.kind == "gpu" ? $0 + $1.thousandths : $0 } }
}
