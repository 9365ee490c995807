/// What a simulation came to: each of its runs, their mean and their spread.
public struct SimulationReport: Sendable {
    public let format: String
    public let policy: String
    /// The names of the files that were replayed.
    public let workloads: [String]
    public let runs: [SimulationRun]
    /// Of each figure over the runs that have it, in the order in which the runs name them.
    public let mean: [SimulationRun.Metric]
    /// The sample's (n - 1), in the same order; 0 where one run alone has the figure.
    public let standardDeviation: [SimulationRun.Metric]

    public init(format: String, policy: String, workloads: [String], runs: [SimulationRun]) {
        self.format = format
        self.policy = policy
        self.workloads = workloads
        self.runs = runs
        let columns = Self.columns(of: runs)
        mean = columns.map { SimulationRun.Metric($0.name, key: $0.key, $0.values.mean) }
        standardDeviation = columns.map { SimulationRun.Metric($0.name, key: $0.key, $0.values.standardDeviation) }
    }

    private struct Column {
        let name: String
        let key: String?
        var values: [Double]
    }

    private struct Place: Hashable {
        let name: String
        let key: String?
    }

    /// The figures of all runs, those of one name and key together.
    private static func columns(of runs: [SimulationRun]) -> [Column] {
        var columns: [Column] = []
        var places: [Place: Int] = [:]
        for metric in runs.lazy.flatMap(\.metrics) {
            let place = Place(name: metric.name, key: metric.key)
            if let index = places[place] {
                columns[index].values.append(metric.value)
            } else {
                places[place] = columns.count
                columns.append(Column(name: metric.name, key: metric.key, values: [metric.value]))
            }
        }
        return columns
    }
}

extension [Double] {
    package var mean: Double { reduce(0, +) / Double(count) }

    /// In two passes, which loses nothing where the spread is small beside the mean.
    package var standardDeviation: Double {
        guard count > 1 else { return 0 }
        let mean = mean
        return (map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(count - 1)).squareRoot()
    }
}
