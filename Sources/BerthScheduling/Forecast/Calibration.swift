public import BerthModel
public import BerthPlanner

/// How well past starts were predicted.
public struct Calibration: Hashable, Sendable {
    /// Jobs that were compared: those that have started, and those that are later than all their bands.
    public var jobs: Int
    /// By the band's percent: which part of the starts fell into it, 0 to 1.
    public var coverage: [Int: Double]
    /// Half of the predictions were off by no more than this; nil where none told a time.
    public var medianErrorSeconds: Double?

    /// What was predicted when a job came, and what is known of its start.
    public struct Sample: Hashable, Sendable {
        public enum Outcome: Hashable, Sendable {
            case started(Timestamp)
            /// It waited until then at least: it waits yet, or was cancelled.
            case waited(until: Timestamp)
        }

        public var prediction: StartPrediction
        public var outcome: Outcome

        public init(prediction: StartPrediction, outcome: Outcome) {
            self.prediction = prediction
            self.outcome = outcome
        }

        /// Whether the start fell into the band; nil where that is not known. It is missed once it is over.
        fileprivate func isHit(_ percent: Int) -> Bool? {
            guard let band = prediction.bands.first(where: { $0.percent == percent }) else { return nil }
            switch outcome {
            case .started(let start): return band.contains(start)
            case .waited(let end): return band.to.map { $0 < end } == true ? false : nil
            }
        }

        fileprivate var error: Double? {
            guard let predicted = prediction.start, case .started(let start) = outcome else { return nil }
            return abs((start - predicted).inSeconds)
        }

        fileprivate var isKnown: Bool {
            if case .started = outcome { return true }
            return prediction.bands.last.flatMap { isHit($0.percent) } != nil
        }
    }

    public init(_ samples: [Sample]) {
        jobs = samples.count(where: \.isKnown)
        coverage = [:]
        for percent in StartPrediction.percents {
            let hits = samples.compactMap { $0.isHit(percent) }
            if !hits.isEmpty { coverage[percent] = Double(hits.count { $0 }) / Double(hits.count) }
        }
        let errors = samples.compactMap(\.error).sorted()
        medianErrorSeconds = errors.isEmpty ? nil : errors[errors.count / 2]
    }

    /// What a cluster as it was when the job had just come would have been told.
    public static func prediction(for job: Job.ID, in cluster: Cluster, at time: Timestamp) -> StartPrediction {
        var planner = ClusterPlanner(cluster)
        return planner.forecast(cluster, at: time).start(of: job)
    }
}
