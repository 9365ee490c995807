public import BerthModel
import BerthPlanner

/// What planning again on the recorded past says of a recorded start.
public enum DecisionReplay: Hashable, Sendable {
    /// The plan starts the same attempt in the same place for the same reasons.
    case identical
    /// The first thing that is not the same, as it was recorded and as it comes out now.
    case differs(field: String, recorded: String, replayed: String)

    /// Plans again, from nothing, what was planned when `attempt` was started, and compares.
    ///
    /// A controller may plan more than once in a round, where the starts of one plan let other jobs begin; each plan is
    /// made again on what the one before it left. Who is to take over what another holds is chosen after the last one, or
    /// the last but one.
    ///
    /// - Parameters:
    ///   - cluster: as it was before the first event of `round`.
    ///   - round: the starts and stops that the round's plans decided, in the order in which they were recorded.
    public static func replayed(
        _ attempt: Attempt, _ decision: Decision, round: [ClusterEvent], in cluster: Cluster
    ) -> DecisionReplay {
        if decision.policy != planningPolicy {
            return .differs(field: "policy", recorded: decision.policy, replayed: planningPolicy)
        }
        var cluster = cluster
        var events = round[...]
        do throws(IllegalTransition) {
            // Stops that come before all starts left those no room.
            try apply(events.prefix(while: isStop), to: &cluster, from: &events, at: attempt.plannedTime)
            while true {
                let plan = plan(cluster, at: attempt.plannedTime)
                if let start = plan.starts.first(where: { $0.attempt.id == attempt.id }) {
                    return difference(attempt, decision, from: start) ?? .identical
                }
                let part = part(of: plan, in: events)
                if part.isEmpty {
                    guard attempt.predecessor != nil, plan.firstWaiting == attempt.id.task.job else {
                        // After the last of a job have lined up there is another plan.
                        let successors = events.prefix(while: isSuccession)
                        guard !successors.isEmpty else { break }
                        try apply(successors, to: &cluster, from: &events, at: attempt.plannedTime)
                        continue
                    }
                    let others = events.prefix { if case .started(attempt, _) = $0 { false } else { true } }
                    try apply(others, to: &cluster, from: &events, at: attempt.plannedTime)
                    return succession(attempt, decision, in: cluster)
                }
                try apply(part, to: &cluster, from: &events, at: attempt.plannedTime)
            }
        } catch {
            return .differs(field: "round", recorded: "a plan", replayed: "\(error)")
        }
        return waits
    }

    private static let waits = Self.differs(field: "start", recorded: "started", replayed: "it waits")

    private static func isStop(_ event: ClusterEvent) -> Bool { if case .stopping = event { true } else { false } }

    private static func isSuccession(_ event: ClusterEvent) -> Bool {
        if case .started(let attempt, _) = event { attempt.predecessor != nil } else { false }
    }

    private static func apply(
        _ part: ArraySlice<ClusterEvent>, to cluster: inout Cluster, from events: inout ArraySlice<ClusterEvent>,
        at time: Timestamp
    ) throws(IllegalTransition) {
        for event in part { try cluster.apply(event, at: time) }
        events = events.dropFirst(part.count)
    }

    /// Chooses again who is to take over what the attempt's predecessor holds.
    private static func succession(_ attempt: Attempt, _ decision: Decision, in cluster: Cluster) -> DecisionReplay {
        guard let job = cluster.jobs[attempt.id.task.job],
            var choice = SuccessorChoice(
                of: job, on: [attempt.allocation.node], in: cluster, at: attempt.plannedTime),
            let start = choice.next(in: cluster)
        else { return waits }
        return difference(attempt, decision, from: start) ?? .identical
    }

    /// The events that belong to one plan: as many starts as it has, and the stops that follow.
    private static func part(of plan: ClusterPlan, in events: ArraySlice<ClusterEvent>) -> ArraySlice<ClusterEvent> {
        let stops = plan.preemptions.isEmpty ? [] : events.dropFirst(plan.starts.count).prefix(while: isStop)
        return events.prefix(plan.starts.count + stops.count)
    }

    private static func difference(_ attempt: Attempt, _ decision: Decision, from start: ClusterPlan.Start)
        -> DecisionReplay?
    {
        let (other, others) = (start.attempt, start.decision)
        let fields: [(name: String, recorded: String, replayed: String)] = [
            ("saw", decision.saw, others.saw),
            ("node", attempt.allocation.node.text, other.allocation.node.text),
            ("cpus", attempt.allocation.cpus.description, other.allocation.cpus.description),
            ("allocation", "\(attempt.allocations)", "\(other.allocations)"),
            ("fence", "\(attempt.fence)", "\(other.fence)"),
            ("predecessor", text(attempt.predecessor), text(other.predecessor)),
            ("isBorrowing", "\(attempt.isBorrowing)", "\(other.isBorrowing)"),
            ("expectedTime", text(attempt.expectedTime), text(other.expectedTime)),
            ("priority", text(decision.priority), text(others.priority)),
            ("jobsAhead", "\(decision.jobsAhead)", "\(others.jobsAhead)"),
            ("nodesConsidered", "\(decision.nodesConsidered)", "\(others.nodesConsidered)"),
            ("candidates", text(decision.candidates), text(others.candidates)),
            ("rejected", text(decision.rejected), text(others.rejected)),
        ]
        return fields.first { $0.recorded != $0.replayed }.map {
            .differs(field: $0.name, recorded: $0.recorded, replayed: $0.replayed)
        }
    }

    private static func text(_ time: Duration?) -> String { time?.text ?? "unknown" }

    private static func text(_ attempt: AttemptID?) -> String { attempt?.description ?? "none" }

    private static func text(_ priority: JobPriority?) -> String { priority.map { "\($0)" } ?? "none" }

    private static func text(_ candidates: [Decision.Candidate]) -> String {
        candidates.map { "\($0.node) \($0.score)" }.joined(separator: ", ")
    }

    private static func text(_ rejected: [String: Int]) -> String {
        rejected.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }
}
