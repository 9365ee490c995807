/// What is believed about a job's run time before it has ended: a few run times in seconds, each with a weight.
/// The mean orders queues, the quantiles (50, 80, 95 %) give a start time its band.
public struct RunTimeEstimate: Hashable, Sendable {
    /// A run of such a job, and how much it counts.
    public struct Sample: Hashable, Sendable {
        public var seconds: Double
        public var weight: Double

        public init(seconds: Double, weight: Double) {
            self.seconds = seconds
            self.weight = weight
        }
    }

    /// Rising in time, weights summing to one.
    public let samples: [Sample]
    /// The longest it may run.
    public let requestedSeconds: Double

    /// - Parameter samples: at least one, in any order, with positive weights; each is held between 1 s and the request.
    public init(_ samples: [Sample], requestedSeconds: Double) {
        let total = samples.reduce(0) { $0 + $1.weight }
        self.samples = samples.map { sample in
            let seconds = max(1, min(sample.seconds, requestedSeconds))
            return Sample(seconds: seconds, weight: sample.weight / total)
        }.sorted { ($0.seconds, $0.weight) < ($1.seconds, $1.weight) }
        self.requestedSeconds = requestedSeconds
    }

    /// Sure of one run time.
    public init(exactSeconds seconds: Double) {
        self.init([Sample(seconds: seconds, weight: 1)], requestedSeconds: seconds)
    }

    public var meanSeconds: Double { samples.reduce(0) { $0 + $1.weight * $1.seconds } }

    /// The expected slowdown that one second of waiting adds, E[1 / max(threshold, run time)]: high where a job is
    /// likely to be over at once, whatever its mean.
    public func urgency(thresholdSeconds: Double) -> Double {
        samples.reduce(0) { $0 + $1.weight / max(thresholdSeconds, $1.seconds) }
    }

    /// The run time that the job stays within, with probability `fraction`.
    public func quantileSeconds(_ fraction: Double) -> Double { quantile(fraction, beyond: 0) }

    /// The same once it has run for `elapsed` seconds: shorter runs are ruled out, and a job that has outlived them
    /// all is believed to take what it asked for.
    public func quantileSeconds(_ fraction: Double, afterRunning elapsed: Double) -> Double {
        quantile(fraction, beyond: elapsed)
    }

    private func quantile(_ fraction: Double, beyond elapsed: Double) -> Double {
        let left = samples.drop { $0.seconds <= elapsed }
        let wanted = fraction * left.reduce(0) { $0 + $1.weight }
        var sum = 0.0
        for sample in left {
            sum += sample.weight
            if sum >= wanted { return sample.seconds }
        }
        return requestedSeconds
    }
}
