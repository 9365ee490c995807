import BerthModel

/// That a node itself is at fault for what went wrong on it, and why Berth thinks so.
///
/// A bad job must not take nodes out, and a bad node must not go through the queue. So the same thing must go wrong for
/// different jobs, or for one that does well elsewhere.
struct NodeVerdict {
    /// A sentence for people.
    let reason: String
    /// The attempts that speak against it, the latest last.
    let evidence: [NodeTrouble]
    let lastAttempt: AttemptID

    /// nil where what went wrong is not enough to blame the node.
    init?(_ node: Node, _ families: FamilyLedger, _ limits: FailureLimits, at now: Timestamp) {
        let troubles = node.troubles ?? []
        let certain = troubles.filter(\.kind.isNodesFault)
        if let limit = limits.nodeFaults, certain.count >= limit, let first = certain.first, let last = certain.last,
            Set(certain.map(\.family)).count > 1
                || families.launches(first.family, elsewhereThan: node.name, since: first.time)
        {
            self.init(
                evidence: certain, last,
                "\(certain.count.counted("attempt")) in a row could not be started as planned on it, the last one "
                    + "\(last.attempt): \(last.text).")
            return
        }
        // What fails everywhere says nothing about this node.
        let likely = troubles.filter {
            $0.kind == .failure
                && families.succeeds($0.family, elsewhereThan: node.name, since: now - FailureLimits.memory)
        }
        let byFamily = likely.reduce(into: [JobFamily: Int]()) { $0[$1.family, default: 0] += 1 }
        guard let limit = limits.nodeFailures, let last = likely.last, byFamily.count >= FailureLimits.families,
            // No family counts for more than half.
            byFamily.values.reduce(0, { $0 + min($1, (limit + 1) / 2) }) >= limit
        else { return nil }
        self.init(
            evidence: likely, last,
            "\(likely.count.counted("attempt")) of \(byFamily.count) families of jobs that succeed elsewhere failed on it "
                + "in a row, the last one \(last.attempt): \(last.text).")
    }

    private init(evidence: [NodeTrouble], _ last: NodeTrouble, _ reason: String) {
        self.evidence = evidence
        self.reason = reason
        lastAttempt = last.attempt
    }
}
