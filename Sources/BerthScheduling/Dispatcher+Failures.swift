import BerthModel

/// What is done about failures that repeat: families that fail are held, nodes that fail jobs are drained, and tasks
/// whose attempts come to nothing are kept back. See `docs/decisions/0014-families-and-bad-nodes.md`.
extension Dispatcher {
    // MARK: - Families

    /// After a task has ended for good: holds its family if too many of it failed in a row, and lets it go again once one
    /// succeeds.
    ///
    /// - Complexity: O(1), and O(j log j) for the family's j jobs when it is held or let go.
    mutating func judge(
        _ family: JobFamily, after id: AttemptID, _ end: AttemptEnd, _ outcome: Outcome, at now: Timestamp
    ) {
        guard cluster.families.hold(of: family) != nil else {
            guard let limit = cluster.configuration.failures.family,
                cluster.families.failures(of: family) >= limit, let hold = cluster.families.nextHold(of: family)
            else { return }
            let waiting = cluster.families.jobs(of: family).filter { job in
                cluster.jobs[job].map { !$0.isHeld && $0.hasWaitingTasks } ?? false
            }
            return self.hold(waiting, hold, at: now)
        }
        if outcome.state == .succeeded {
            let kept = cluster.families.jobs(of: family).filter { job in
                cluster.jobs[job].map { $0.isOnProbation || $0.hold?.family == family } ?? false
            }
            record(.familyReleased(family, jobs: kept), at: now)
        } else if end.isOwnFailure, let job = cluster.jobs[id.task.job], job.isOnProbation, job.hasWaitingTasks,
            let hold = cluster.families.nextHold(of: family)
        {
            self.hold([job.id], hold, at: now)
        }
    }

    /// Holds what was submitted now of families that fail, but for one job of each: that may try a task, so that whoever
    /// has mended what was wrong need not ask for more.
    ///
    /// - Parameter ids: in the order in which they were asked for.
    mutating func holdBack(_ ids: [Job.ID], at now: Timestamp) {
        var byFamily: [JobFamily: [Job.ID]] = [:]
        for job in ids.compactMap({ cluster.jobs[$0] }) where job.isOnProbation {
            byFamily[job.family, default: []].append(job.id)
        }
        for (family, jobs) in byFamily.sorted(by: { $0.key < $1.key }) {
            let isTried = !cluster.families.onProbation(family).isSubset(of: jobs)
            let rest = isTried ? jobs : Array(jobs.dropFirst())
            guard !rest.isEmpty, let hold = cluster.families.nextHold(of: family) ?? cluster.families.hold(of: family)
            else { continue }
            self.hold(rest, hold, at: now)
        }
    }

    // MARK: - Losses

    /// Holds a job when so many attempts of one of its tasks came to nothing in a row that no further one is worth it.
    mutating func keepBack(_ task: TaskID, after id: AttemptID, _ end: AttemptEnd, at now: Timestamp) {
        guard let limit = cluster.configuration.failures.losses, let losses = cluster.task(task)?.losses,
            losses >= limit, cluster.jobs[task.job]?.isHeld == false
        else { return }
        let hold = JobHold(cause: .losses(of: task), count: losses, last: id, text: end.summary)
        self.hold([task.job], hold, at: now)
    }

    private mutating func hold(_ jobs: [Job.ID], _ hold: JobHold, at now: Timestamp) {
        record(.jobsHeld(jobs: jobs, hold), at: now)
        for job in jobs { recallSuccessors(of: job, at: now) }
    }

    // MARK: - Nodes

    /// Drains a node on which attempt after attempt fails, unless too few would go on working without it; then it is
    /// said once.
    mutating func judge(_ name: NodeName, at now: Timestamp) {
        guard let node = cluster.nodes[name], node.drain == nil,
            node.faults?.contains(where: { $0.kind == .failing }) != true,
            let verdict = NodeVerdict(node, cluster.families, cluster.configuration.failures, at: now)
        else { return }
        if isSpared(node) {
            let text =
                verdict.reason + " It goes on working, since less than half of the nodes that are up would without it; "
                + "berth drain \(name) takes it out."
            let fault = Node.Fault(kind: .failing, time: now, attempt: verdict.lastAttempt, text: text)
            record(.nodeFaulted(name, fault), at: now)
        } else {
            let drain = Node.Drain(reason: verdict.reason, by: "berth", evidence: verdict.evidence)
            record(.nodeDrained(name, drain), at: now)
            recallSuccessors(on: name, at: now)
        }
    }

    /// Whether less than half of the nodes that are up would take work without this one.
    private func isSpared(_ node: Node) -> Bool {
        let up = cluster.nodes.values.count { $0.isUp }
        let others = cluster.nodes.values.count { $0.takesWork && $0.name != node.name }
        return others * 2 < up
    }
}
