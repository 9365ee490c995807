extension SimulationReport: Encodable {
    private enum Field: String, CodingKey {
        case format, policy, workload, runs, mean, standardDeviation
    }

    /// One document. A keyed figure is an object, a whole number has no point, and what is no number is null.
    public func encode(to encoder: any Encoder) throws {
        var document = encoder.container(keyedBy: Field.self)
        try document.encode(format, forKey: .format)
        try document.encode(policy, forKey: .policy)
        try document.encode(workloads, forKey: .workload)
        try document.encode(runs.map { Figures(label: $0.label, metrics: $0.metrics) }, forKey: .runs)
        try document.encode(Figures(label: nil, metrics: mean), forKey: .mean)
        try document.encode(Figures(label: nil, metrics: standardDeviation), forKey: .standardDeviation)
    }

    /// A name that is known only at run time.
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    private struct Figures: Encodable {
        let label: String?
        let metrics: [SimulationRun.Metric]

        func encode(to encoder: any Encoder) throws {
            var object = encoder.container(keyedBy: Name.self)
            try object.encodeIfPresent(label, forKey: Name("label"))
            for metric in metrics where metric.key == nil {
                try object.encode(Figure(value: metric.value), forKey: Name(metric.name))
            }
            let keyed = Dictionary(grouping: metrics.filter { $0.key != nil }, by: \.name)
            for (name, metrics) in keyed {
                let pairs = metrics.map { ($0.key ?? "", Figure(value: $0.value)) }
                try object.encode(Dictionary(pairs, uniquingKeysWith: { first, _ in first }), forKey: Name(name))
            }
        }
    }

    private struct Figure: Encodable {
        let value: Double

        func encode(to encoder: any Encoder) throws {
            var figure = encoder.singleValueContainer()
            if !value.isFinite {
                try figure.encodeNil()
            } else if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
                try figure.encode(whole)
            } else {
                try figure.encode(value)
            }
        }
    }
}
