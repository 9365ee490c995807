/// What finishing a job costs from every situation it can get into, by dynamic programming backwards from the deadline
/// over (time left, slack left, what is held, phase of spot capacity).
///
/// Costs are in spot-seconds. Slack is what decides: waiting and changeovers use it up, work does not. Slack between
/// two levels is interpolated. A changeover is charged as soon as it begins, so a node that is lost during one gives a
/// little slack back, which the plan does not count on.
///
/// Size: 360 steps × 3 choices × 96 levels × the forecast's phases, as `Float`; built in time proportional to that.
struct SpotPlan: Sendable {
    private static let stepCount = 360
    private static let levelCount = 96

    let stepSeconds: Double
    private let levelSeconds: Double
    private let phaseCount: Int
    /// Expected cost after a step, per step count left, choice held during the step, phase before it, and slack level.
    private var costs: [Float]
    private let onDemandWeight: Double

    /// - Parameter lookSeconds: how often decisions are made; a step is never shorter.
    init(for job: DeadlineJob, forecast: SpotForecast, lookSeconds: Double, onDemandWeight: Double) {
        stepSeconds = max(lookSeconds, job.remainingSeconds / Double(Self.stepCount))
        levelSeconds = max(job.slackSeconds, job.changeoverSeconds, 1) / Double(Self.levelCount - 2)
        phaseCount = forecast.phaseCount
        self.onDemandWeight = onDemandWeight
        costs = []
        let steps = Int((job.remainingSeconds / stepSeconds).rounded(.up))
        costs.reserveCapacity((steps + 1) * 3 * phaseCount * Self.levelCount)
        let outlooks = (0..<phaseCount).map { forecast.outlook(ofPhase: $0, within: stepSeconds) }
        for step in 0...max(0, steps) {
            let now = costsBeforeStep(step, changeoverSeconds: job.changeoverSeconds, forecast)
            appendExpected(now, outlooks, forecast)
        }
    }

    /// The expected cost of a job from now on if it takes or keeps `choice` for one step.
    func cost(of choice: SpotChoice, for job: DeadlineJob, inPhase phase: Int) -> Double {
        let stepsAfter = max(0, Int((job.remainingSeconds / stepSeconds).rounded()) - 1)
        return cost(
            of: choice, remaining: job.remainingSeconds, slack: job.slackSeconds,
            start: choice == .idle ? 0 : job.startSeconds(on: choice), stepsAfter: stepsAfter, phase)
    }

    private func cost(
        of choice: SpotChoice, remaining: Double, slack: Double, start: Double, stepsAfter: Int, _ phase: Int
    ) -> Double {
        let slackAfter = slack - (choice == .idle ? stepSeconds : start)
        let busy = min(stepSeconds, remaining - slack + start)
        let rate =
            switch choice {
            case .idle: 0.0
            case .spot: 1.0
            case .onDemand: onDemandWeight
            }
        return rate * busy + expectedCost(stepsAfter, choice, phase, slack: slackAfter)
    }

    /// The cheapest choice's cost, for each (held, phase, level), at a moment `step` steps before the deadline.
    private func costsBeforeStep(_ step: Int, changeoverSeconds: Double, _ forecast: SpotForecast) -> [Float] {
        let remaining = Double(step) * stepSeconds
        var now: [Float] = []
        now.reserveCapacity(3 * phaseCount * Self.levelCount)
        for held in SpotChoice.allCases {
            for phase in 0..<phaseCount {
                let isAvailable = forecast.isAvailable(inPhase: phase)
                for level in 0..<Self.levelCount {
                    let slack = Double(level) * levelSeconds
                    guard remaining > slack else {
                        now.append(0)
                        continue
                    }
                    // Of spot capacity that has gone, nothing is held.
                    let still = held == .spot && !isAvailable ? .idle : held
                    func price(_ choice: SpotChoice) -> Double {
                        cost(
                            of: choice, remaining: remaining, slack: slack,
                            start: choice == still ? 0 : changeoverSeconds, stepsAfter: step - 1, phase)
                    }
                    var best = price(.onDemand)
                    if slack - stepSeconds >= changeoverSeconds { best = min(best, price(.idle)) }
                    let spotNeeds = still == .spot ? changeoverSeconds : 2 * changeoverSeconds
                    if isAvailable && slack >= spotNeeds { best = min(best, price(.spot)) }
                    now.append(Float(best))
                }
            }
        }
        return now
    }

    /// Appends what `now` comes to one step earlier, before it is known how spot capacity moves.
    private mutating func appendExpected(
        _ now: [Float], _ outlooks: [(ends: Double, ages: Double)], _ forecast: SpotForecast
    ) {
        for held in 0..<3 {
            for phase in 0..<phaseCount {
                let (ends, ages) = outlooks[phase]
                let other = forecast.isAvailable(inPhase: phase) ? forecast.absentPhase : 0
                let same = (held * phaseCount + phase) * Self.levelCount
                let older = ages > 0 ? same + Self.levelCount : same
                let turned = (held * phaseCount + other) * Self.levelCount
                let weights = (Float(1 - ends - ages), Float(ages), Float(ends))
                for level in 0..<Self.levelCount {
                    costs.append(
                        weights.0 * now[same + level] + weights.1 * now[older + level] + weights.2 * now[turned + level]
                    )
                }
            }
        }
    }

    private func expectedCost(_ steps: Int, _ held: SpotChoice, _ phase: Int, slack: Double) -> Double {
        let remaining = Double(steps) * stepSeconds
        guard steps >= 0, remaining > slack else { return 0 }
        // Without slack there is no choice left.
        guard slack >= 0 else { return onDemandWeight * (remaining - slack) }
        let position = min(slack / levelSeconds, Double(Self.levelCount - 1))
        let level = min(Int(position), Self.levelCount - 2)
        let share = position - Double(level)
        let index = ((steps * 3 + held.index) * phaseCount + phase) * Self.levelCount + level
        return Double(costs[index]) * (1 - share) + Double(costs[index + 1]) * share
    }
}

extension SpotChoice {
    /// Its place in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .idle: 0
        case .spot: 1
        case .onDemand: 2
        }
    }
}
