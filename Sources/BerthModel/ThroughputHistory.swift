import RealModule

/// Learns from runs that have ended how fast jobs of one kind go on each type of device. State is bounded: running sums
/// for each of a bounded number of kinds, of which those unused for longest are forgotten first.
///
/// Run times are compared by their logarithms, newer runs counting more. As jobs of a kind differ, a type only counts as
/// slower by as much as the difference of the means exceeds its standard error.
public struct ThroughputHistory: Hashable, Sendable, Codable {
    typealias Kind = RunTimeEstimator.Features

    private struct Runs: Hashable, Sendable, Codable {
        var weight = 0.0
        var sum = 0.0
        var squares = 0.0

        var mean: Double { sum / weight }
        /// Squared standard error of the mean.
        var variance: Double { max(0, squares / weight - mean * mean) / max(1, weight - 1) }

        mutating func append(_ value: Double) {
            weight = weight * ThroughputHistory.ageFactor + 1
            sum = sum * ThroughputHistory.ageFactor + value
            squares = squares * ThroughputHistory.ageFactor + value * value
        }
    }

    private struct History: Hashable, Sendable, Codable {
        /// By the device's model.
        var runs: [String: Runs] = [:]
        var lastUse = 0
    }

    private static let ageFactor = 0.9
    /// Three runs, the older ones counting less.
    private static let leastWeight = 2.7
    private static let kindLimit = 4096
    private static let typeLimit = 8

    private var histories: [Kind: History] = [:]
    private var observations = 0

    public init() {}

    /// Whether any kind ran on more than one type.
    private(set) var tellsTypesApart = false

    mutating func observe(_ kind: Kind, ranSeconds seconds: Double, on model: String) {
        observations += 1
        var history = histories[kind] ?? History()
        guard history.runs[model] != nil || history.runs.count < Self.typeLimit else { return }
        history.runs[model, default: Runs()].append(Double.log(max(1, seconds)))
        history.lastUse = observations
        histories[kind] = history
        if history.runs.count > 1 { tellsTypesApart = true }
        if histories.count > Self.kindLimit { forgetHalf() }
    }

    /// What is known of a kind: nil where fewer than two types are, or where they do not differ. A type that it has not
    /// run on enough counts as fast as the fastest, so that it is tried.
    func throughput(of kind: Kind) -> Throughput? {
        guard let known = histories[kind]?.runs.filter({ $0.value.weight >= Self.leastWeight }), known.count > 1,
            let fastest = known.values.min(by: { $0.mean < $1.mean })
        else { return nil }
        let rates = known.mapValues { runs in
            let error = (runs.variance + fastest.variance).squareRoot()
            return Double.exp(-max(0, runs.mean - fastest.mean - error))
        }
        return rates.values.contains { $0 < 1 } ? Throughput(rates, otherRate: 1) : nil
    }

    /// Keeps the half used last, by a rule that does not depend on the order in which kinds are stored.
    private mutating func forgetHalf() {
        let ages = histories.values.map(\.lastUse).sorted()
        let oldest = ages[ages.count / 2]
        histories = histories.filter { $0.value.lastUse > oldest }
    }
}
