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
    /// made again on what the one before it left.
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
        while true {
            let plan = plan(cluster, at: attempt.plannedTime)
            if let start = plan.starts.first(where: { $0.attempt.id == attempt.id }) {
                return difference(attempt, decision, from: start) ?? .identical
            }
            let part = take(plan, from: &events)
            guard !part.isEmpty else { return .differs(field: "start", recorded: "started", replayed: "it waits") }
            do throws(IllegalTransition) {
                for event in part { try cluster.apply(event, at: attempt.plannedTime) }
            } catch {
                return .differs(field: "round", recorded: "a plan", replayed: "\(error)")
            }
        }
    }

    /// The events that belong to one plan: as many starts as it has, and the stops that follow.
    private static func take(_ plan: ClusterPlan, from events: inout ArraySlice<ClusterEvent>) -> [ClusterEvent] {
        var part = Array(events.prefix(plan.starts.count))
        events = events.dropFirst(plan.starts.count)
        if !plan.preemptions.isEmpty {
            let stops = events.prefix { if case .stopping = $0 { true } else { false } }
            part += stops
            events = events.dropFirst(stops.count)
        }
        return part
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

    private static func text(_ priority: JobPriority?) -> String { priority.map { "\($0)" } ?? "none" }

    private static func text(_ candidates: [Decision.Candidate]) -> String {
        candidates.map { "\($0.node) \($0.score)" }.joined(separator: ", ")
    }

    private static func text(_ rejected: [String: Int]) -> String {
        rejected.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }
}
