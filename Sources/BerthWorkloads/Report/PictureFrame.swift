/// Where the parts of a picture are, in pixels.
struct PictureFrame {
    let width = 1200.0
    let left: Double
    let right = 1176.0
    /// The Gantt chart, from its top to its bottom.
    let chart: ClosedRange<Double>
    /// The curve below it.
    let curve: ClosedRange<Double>
    let height: Double
    /// As many letters of a machine's name as there is room for.
    static let nameLength = 22

    var plotWidth: Double { right - left }
    var chartHeight: Double { chart.upperBound - chart.lowerBound }

    /// Few lanes get a low chart, and long names of machines a wide margin.
    init(_ lanes: ScheduleLanes) {
        let names = lanes.bands.compactMap { $0.machine?.count }.max() ?? 0
        left = max(84, 40 + Double(min(names, Self.nameLength)) * 6.8)
        let room = max(Double(lanes.bands.count) * 16, Double(lanes.height) / ScheduleLanes.lanesPerUnit * 14)
        chart = 64...64 + min(max(room, 120), 460)
        curve = chart.upperBound + 48...chart.upperBound + 188
        height = curve.upperBound + 54
    }
}
