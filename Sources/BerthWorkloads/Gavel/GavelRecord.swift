import BerthPlanner

/// What a run leaves behind: who ran when and on what, and how often a job changed its place.
struct GavelRecord {
    private let cluster: GavelCluster
    private var open: [Int: Schedule.Entry] = [:]
    private(set) var schedule: Schedule
    /// Times a started job went on in another place, or waited, in the next round.
    private(set) var preemptions = 0

    init(cluster: GavelCluster) {
        self.cluster = cluster
        schedule = Schedule(unit: "GPUs", capacity: Double(cluster.types.reduce(0) { $0 + $1.count }))
    }

    /// Notes one job's part in a round. Two jobs that share GPUs count half of them each.
    mutating func note(
        _ job: ActiveJob, at place: ThroughputPlacement?, from start: Double, to end: Double, hasEnded: Bool
    ) {
        if let previous = job.previous, previous.type != place?.type { preemptions += 1 }
        guard let place else { return close(job.id) }
        let machine = cluster.types[place.type].name
        let width = Double(job.job.gang) / (place.partner == nil ? 1 : 2)
        if var entry = open[job.id], entry.machine == machine, entry.width == width {
            entry.end = end
            open[job.id] = entry
        } else {
            close(job.id)
            open[job.id] = Schedule.Entry(
                job: job.job.name, start: start, end: end, width: width, machine: machine)
        }
        if hasEnded { close(job.id) }
    }

    /// The schedule so far, with those still running, in the order of start.
    func finished() -> Schedule {
        var finished = schedule
        finished.entries += open.keys.sorted().compactMap { open[$0] }
        finished.entries.sort { ($0.start, $0.job) < ($1.start, $1.job) }
        return finished
    }

    private mutating func close(_ id: Int) {
        if let entry = open.removeValue(forKey: id) { schedule.entries.append(entry) }
    }
}
