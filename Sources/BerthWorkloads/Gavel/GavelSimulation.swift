import BerthPlanner

/// A job that has come and not yet ended.
struct ActiveJob: Sendable {
    /// Position among the run's arrivals: its identity.
    var id: Int
    var job: GavelJob
    var remainingSteps: Double
    /// Where it ran in the round before.
    var previous: ThroughputPlacement?
}

/// Chooses what runs, and where, in one round.
protocol GavelRoundPlanner {
    /// - Parameters:
    ///   - active: in the order of arrival.
    ///   - now: seconds since the run began.
    /// - Returns: a place or nil for each of `active`; a partner is a position in `active`.
    mutating func plan(_ active: [ActiveJob], now: Double) -> [ThroughputPlacement?]
}

/// The published round-based simulator: at each border jobs come, places are given out anew, and what is placed
/// runs at its measured speed. GPUs of a job that ends within a round are free again at the next border.
struct GavelSimulation {
    private let workload: GavelWorkload
    private let arrivals: [GavelArrivals.Arrival]
    private let measured: Range<Int>
    private var now = 0.0
    private var admitted = 0
    private var active: [ActiveJob] = []
    private var unmeasuredYet: Int
    private var completionSeconds: [Double]
    /// When the last measured job ended.
    private(set) var lastEndSeconds = 0.0
    private(set) var record: GavelRecord

    init(_ workload: GavelWorkload, arrivals: GavelArrivals) {
        self.workload = workload
        self.arrivals = arrivals.arrivals
        measured = arrivals.measured
        unmeasuredYet = arrivals.measured.count
        completionSeconds = Array(repeating: 0, count: arrivals.measured.count)
        record = GavelRecord(cluster: workload.cluster)
    }

    /// Runs until every measured job has ended. Cost: one plan a round.
    mutating func run(_ planner: inout some GavelRoundPlanner) {
        while unmeasuredYet > 0 {
            admit()
            let places = planner.plan(active, now: now)
            runRound(places)
        }
    }

    private mutating func admit() {
        if active.isEmpty { now = max(now, arrivals[admitted].seconds) }
        while admitted < arrivals.count, arrivals[admitted].seconds <= now {
            var job = workload.jobs[arrivals[admitted].job]
            if admitted >= workload.jobs.count { job.name += " again" }
            active.append(ActiveJob(id: admitted, job: job, remainingSteps: job.steps))
            admitted += 1
        }
    }

    private mutating func runRound(_ places: [ThroughputPlacement?]) {
        let speeds = places.indices.map { speed(of: $0, places) }
        // A round in which all that runs has ended is over early.
        var length = 0.0
        for (job, speed) in zip(active, speeds) where speed > 0 {
            length = max(length, min(job.remainingSteps / speed, workload.cluster.roundSeconds))
        }
        if length == 0 { length = workload.cluster.roundSeconds }
        var left: [ActiveJob] = []
        left.reserveCapacity(active.count)
        for (position, var job) in active.enumerated() {
            let speed = speeds[position]
            let seconds = speed > 0 ? job.remainingSteps / speed : .infinity
            let hasEnded = seconds <= length * (1 + 1e-12)
            record.note(job, at: places[position], from: now, to: now + min(seconds, length), hasEnded: hasEnded)
            if hasEnded {
                end(job, at: now + seconds)
            } else {
                job.remainingSteps -= speed * length
                job.previous = places[position]
                left.append(job)
            }
        }
        active = left
        now += length
    }

    private mutating func end(_ job: ActiveJob, at end: Double) {
        guard measured.contains(job.id) else { return }
        completionSeconds[job.id - measured.lowerBound] = end - arrivals[job.id].seconds
        lastEndSeconds = max(lastEndSeconds, end)
        unmeasuredYet -= 1
    }

    /// From arrival to end, over the measured jobs.
    var averageCompletionSeconds: Double {
        completionSeconds.reduce(0, +) / Double(completionSeconds.count)
    }

    private func speed(of position: Int, _ places: [ThroughputPlacement?]) -> Double {
        guard let place = places[position] else { return 0 }
        let kind = active[position].job.kind
        guard let partner = place.partner, let shared = workload.speeds.shared else {
            return workload.speeds.alone[kind][place.type]
        }
        return shared[kind, active[partner].job.kind, place.type].first
    }
}
