public import BerthModel
public import BerthPlanner

/// How well past starts were predicted.
public struct Calibration: Hashable, Sendable {
    /// Starts that were compared.
    public var jobs: Int
    /// By the band's percent: which part of the starts fell into it, 0 to 1.
    public var coverage: [Int: Double]
    /// Half of the predictions were off by no more than this; nil where none told a time.
    public var medianErrorSeconds: Double?

    /// What was predicted when a job came, and what happened.
    public struct Sample: Hashable, Sendable {
        public var prediction: StartPrediction
        public var start: Timestamp

        public init(prediction: StartPrediction, start: Timestamp) {
            self.prediction = prediction
            self.start = start
        }
    }

    public init(_ samples: [Sample]) {
        jobs = samples.count
        coverage = [:]
        for percent in StartPrediction.percents {
            let banded = samples.compactMap { sample in
                sample.prediction.bands.first { $0.percent == percent }.map { $0.contains(sample.start) }
            }
            if !banded.isEmpty { coverage[percent] = Double(banded.count { $0 }) / Double(banded.count) }
        }
        let errors = samples.compactMap { sample in
            sample.prediction.start.map { abs((sample.start - $0).inSeconds) }
        }.sorted()
        medianErrorSeconds = errors.isEmpty ? nil : errors[errors.count / 2]
    }

    /// What a cluster as it was when the job had just come would have been told.
    public static func prediction(for job: Job.ID, in cluster: Cluster, at time: Timestamp) -> StartPrediction {
        var planner = ClusterPlanner(cluster)
        return planner.forecast(cluster, at: time).start(of: job)
    }
}
