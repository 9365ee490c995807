import BerthPlanner

/// One job's way through a trace, in virtual time, and what it used.
struct SpotJobRun {
    private(set) var job: DeadlineJob
    /// Seconds of progress, as the paper's tables count them.
    private(set) var spotWorkSeconds = 0.0
    private(set) var onDemandWorkSeconds = 0.0
    /// Seconds that are paid for: progress and changeovers.
    private(set) var spotPaidSeconds = 0.0
    private(set) var onDemandPaidSeconds = 0.0

    init(_ job: DeadlineJob) {
        self.job = job
    }

    var hasEnded: Bool { job.workSeconds <= 0 }
    /// Ended or not, it is too late; a millisecond is left to rounding.
    var isLate: Bool { job.remainingSeconds < -0.001 }

    /// Spot capacity is seen to have gone.
    mutating func losesSpot() {
        guard job.holding == .spot else { return }
        job.holding = .idle
        job.startingSeconds = 0
    }

    /// Takes or keeps `choice` until the next probe or its end.
    mutating func run(on choice: SpotChoice, for gapSeconds: Double) {
        job.startingSeconds = choice == .idle ? 0 : job.startSeconds(on: choice)
        job.holding = choice
        guard choice != .idle else {
            job.remainingSeconds -= gapSeconds
            return
        }
        let paid = min(gapSeconds, job.startingSeconds + job.workSeconds)
        let starting = min(job.startingSeconds, paid)
        job.startingSeconds -= starting
        // What a few hundred subtractions leave behind is no work.
        job.workSeconds = paid < gapSeconds ? 0 : job.workSeconds - (paid - starting)
        job.remainingSeconds -= paid
        if choice == .spot {
            spotPaidSeconds += paid
            spotWorkSeconds += paid - starting
        } else {
            onDemandPaidSeconds += paid
            onDemandWorkSeconds += paid - starting
        }
    }
}
