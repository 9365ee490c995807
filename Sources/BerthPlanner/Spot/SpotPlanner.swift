/// Decides for one job with a deadline, look by look, whether it waits, takes spot capacity or takes on-demand capacity.
/// It uses as little on-demand time as it can expect to, and never misses the deadline (`DeadlineJob.isSafe`).
///
/// The plan is made once, from what the forecast knows then; afterwards the forecast only says in which phase spot
/// capacity is. Planning again during the job changed the result by less than the noise.
///
/// The setting of Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024; their policy
/// keeps to a straight line of progress, this one asks what each choice is expected to cost in the end.
public struct SpotPlanner: Sendable {
    public private(set) var forecast: SpotForecast
    private let plan: SpotPlan
    private let lookSeconds: Double

    /// - Parameters:
    ///   - job: at its start.
    ///   - forecast: what is known of spot capacity; one that has seen nothing will do.
    ///   - lookSeconds: time between two decisions.
    ///   - onDemandWeight: what an hour of on-demand capacity counts in hours of spot capacity. More than its price
    ///     keeps steady nodes free for others; the bill is flat about its minimum, so this costs next to nothing.
    public init(for job: DeadlineJob, forecast: SpotForecast, lookSeconds: Double, onDemandWeight: Double = 10) {
        precondition(lookSeconds > 0 && onDemandWeight > 0, "looks are some time apart, and capacity costs something")
        self.forecast = forecast
        self.lookSeconds = lookSeconds
        plan = SpotPlan(for: job, forecast: forecast, lookSeconds: lookSeconds, onDemandWeight: onDemandWeight)
    }

    /// Notes whether spot capacity is there, `seconds` after the last look.
    public mutating func observe(available: Bool, after seconds: Double) {
        forecast.observe(available: available, after: seconds)
    }

    /// The cheapest safe choice, given what was observed last; ties go to on-demand, then to spot.
    public func decide(_ job: DeadlineJob) -> SpotChoice {
        let phase = forecast.phase
        var best = SpotChoice.onDemand
        var bestCost = plan.cost(of: best, for: job, inPhase: phase)
        for choice in [SpotChoice.spot, .idle] where job.isSafe(choice, for: lookSeconds) {
            if choice == .spot && !forecast.isAvailable(inPhase: phase) { continue }
            let cost = plan.cost(of: choice, for: job, inPhase: phase)
            if cost < bestCost { (best, bestCost) = (choice, cost) }
        }
        return best
    }
}
