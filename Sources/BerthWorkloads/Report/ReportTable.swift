/// A simulation's report as people read it: a row for each run, then the mean and the standard deviation where there
/// are several runs. Figures stand under one another by their decimal points.
public struct ReportTable: Sendable {
    public let titles: [String]
    public let rows: [[String]]

    public init(_ report: SimulationReport) {
        var lines = report.runs.map { (label: $0.label, metrics: $0.metrics) }
        if report.runs.count > 1 {
            lines += [("mean", report.mean), ("sd", report.standardDeviation)]
        }
        let columns = report.mean.map { metric in
            Self.column(
                lines.map { line in line.metrics.first { $0.name == metric.name && $0.key == metric.key }?.value })
        }
        titles = ["RUN"] + report.mean.map(\.title)
        rows = lines.indices.map { line in [lines[line].label] + columns.map { $0[line] } }
    }

    /// The figures of one column as texts of one length.
    private static func column(_ values: [Double?]) -> [String] {
        let decimals = decimals(for: values.compactMap { $0 })
        let texts = values.map { value in
            guard let value else { return "" }
            return value == value.rounded() ? value.text(decimals: 0) : value.text(decimals: decimals)
        }
        let parts = texts.map { $0.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false) }
        let wholeWidth = parts.map { $0[0].count }.max() ?? 0
        let width = wholeWidth + (zip(texts, parts).map { $0.count - $1[0].count }.max() ?? 0)
        return zip(texts, parts).map { text, parts in
            let left = String(repeating: " ", count: wholeWidth - parts[0].count)
            return left + text + String(repeating: " ", count: width - left.count - text.count)
        }
    }

    /// Enough to tell the figures apart: about four digits of the largest one.
    private static func decimals(for values: [Double]) -> Int {
        switch values.filter(\.isFinite).map(\.magnitude).max() ?? 0 {
        case 1000...: 1
        case 10..<1000: 2
        case 1..<10: 3
        default: 4
        }
    }
}
