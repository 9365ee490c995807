import BerthModel

/// What a user did in a recorded history, or when the calendar changes what the planner may do.
struct Deed: Sendable {
    let time: Timestamp
    let action: Action

    /// Jobs are named by their places in the workload.
    enum Action: Sendable {
        /// Jobs of one submission.
        case submit(Range<Int>)
        case hold(Int)
        case release(Int)
        /// A maintenance reservation begins or ends.
        case look
    }

    /// All that is done in a workload, in the order of time; of deeds at the same instant, submissions come first.
    static func all(of workload: JournalWorkload) -> [Deed] {
        let jobs = workload.jobs
        var deeds: [Deed] = []
        var start = 0
        while start < jobs.count {
            let end = jobs[start...].firstIndex { !$0.cameWith(jobs[start]) } ?? jobs.count
            deeds.append(Deed(time: jobs[start].submitTime, action: .submit(start..<end)))
            start = end
        }
        for (place, job) in jobs.enumerated() {
            for hold in job.holds {
                deeds.append(Deed(time: hold.start, action: .hold(place)))
                if let end = hold.end { deeds.append(Deed(time: end, action: .release(place))) }
            }
        }
        for reservation in workload.fleet.configuration.planning.reservations {
            deeds += [reservation.start, reservation.end].map { Deed(time: $0, action: .look) }
        }
        return deeds.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    }
}
