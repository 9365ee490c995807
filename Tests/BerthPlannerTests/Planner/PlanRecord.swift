import BerthModel
import BerthPlanner

/// A plan as a value to compare. Of what a choice was made from, the chosen node and its score count, and the digest.
struct PlanRecord: Hashable, CustomStringConvertible {
    var starts: [Start]
    var preemptions: [Plan.Preemption]
    var reservations: [Plan.Reservation]

    struct Start: Hashable {
        var job: Job.ID
        var isReturning: Bool
        var allocations: [Allocation]
        var isBorrowing: Bool
        var expectedTime: Duration?
        var saw: String
        var jobsAhead: Int
        var priority: JobPriority?
        var nodesConsidered: Int
        var chosen: Decision.Candidate?
    }

    init(_ plan: Plan) {
        starts = plan.starts.map { start in
            Start(
                job: start.job, isReturning: start.isReturning, allocations: start.allocations,
                isBorrowing: start.isBorrowing, expectedTime: start.expectedTime, saw: start.decision.saw,
                jobsAhead: start.decision.jobsAhead, priority: start.decision.priority,
                nodesConsidered: start.decision.nodesConsidered, chosen: start.decision.chosen)
        }
        preemptions = plan.preemptions
        reservations = plan.reservations
    }

    /// A line for each thing decided.
    var description: String {
        (starts.map { "start \($0.job) on \($0.allocations) of \($0.nodesConsidered), \($0.jobsAhead) ahead, \($0)" }
            + preemptions.map { "\($0)" } + reservations.map { "\($0)" }).joined(separator: "\n")
    }

    /// The lines in which another plan differs.
    func differences(from other: Self) -> String {
        let (own, others) = (Self.lines(self), Self.lines(other))
        return
            (own.filter { !others.contains($0) }.map { "- " + $0 }
            + others.filter { !own.contains($0) }.map { "+ " + $0 })
            .joined(separator: "\n")
    }

    private static func lines(_ record: Self) -> [Substring] { record.description.split(separator: "\n") }

    /// The same in every process.
    var digest: String {
        var hasher = StableHasher()
        for start in starts {
            hasher.combine(start.job.number)
            hasher.combine(start.saw)
            for allocation in start.allocations {
                hasher.combine("\(allocation.node) \(allocation.cpus) \(allocation.memory) \(allocation.devices)")
            }
        }
        for preemption in preemptions { hasher.combine("\(preemption.job) \(preemption.victims)") }
        for reservation in reservations {
            hasher.combine("\(reservation.job) \(reservation.nodes) \(reservation.time) \(reservation.shape)")
        }
        return hasher.text
    }
}
