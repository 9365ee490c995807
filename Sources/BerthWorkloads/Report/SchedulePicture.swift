import BerthModel

/// A picture of a schedule: who ran when on what, above how much of the capacity was in use. One SVG file that needs
/// nothing else, legible on light and on dark ground.
///
/// Up to some thousand entries each has its own rectangle, which says on pointing whose it is; more are drawn as a map
/// of how full the lanes were, so that the file stays below 2 MB whatever the workload.
public struct SchedulePicture: Sendable {
    private let title: String
    let schedule: Schedule
    let lanes: ScheduleLanes
    let curve: UsageCurve
    /// The time shown, in seconds from the start of the workload; never empty.
    let range: ClosedRange<Double>
    let frame: PictureFrame

    /// What is drawn one by one at most.
    private static let entryLimit = 3000
    private static let pieceLimit = 25_000

    public init(_ schedule: Schedule, title: String) {
        var shown = schedule
        shown.entries.removeAll { !$0.isDrawable }
        self.title = title
        self.schedule = shown
        lanes = ScheduleLanes(shown)
        curve = UsageCurve(shown)
        let start = curve.points.first?.time ?? 0
        range = start...max(curve.points.last?.time ?? 0, start.nextUp, start + 1e-6)
        frame = PictureFrame(lanes)
    }

    private var isDetailed: Bool {
        schedule.entries.count <= Self.entryLimit && lanes.pieces.count <= Self.pieceLimit
    }

    public var svg: String {
        var picture = SVGText()
        let size = (frame.width.pixels, frame.height.pixels)
        picture.element(
            "svg",
            [
                ("xmlns", "http://www.w3.org/2000/svg"), ("width", size.0), ("height", size.1),
                ("viewBox", "0 0 \(size.0) \(size.1)"), ("role", "img"),
            ]
        ) { picture in
            picture.element("title", words: title)
            picture.element("desc", words: summary)
            picture.style(PictureStyle.sheet)
            picture.element("rect", [("class", "ground"), ("width", size.0), ("height", size.1)])
            picture.element("text", [("class", "head"), ("x", frame.left.pixels), ("y", "26")], words: title)
            picture.element("text", [("x", frame.left.pixels), ("y", "46")], words: summary)
            drawAxes(&picture)
            if isDetailed { drawEntries(&picture) } else { drawOccupancy(&picture) }
            drawCurve(&picture)
            drawFrames(&picture)
        }
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + picture.text
    }

    /// The picture in a sentence or two.
    private var summary: String {
        guard !schedule.entries.isEmpty else { return "Nothing ran." }
        let jobs = Set(schedule.entries.map(\.job)).count
        let share = capacity > 0 ? ", \((curve.mean / capacity * 100).text(decimals: 1)) % in use on average" : ""
        let scene = "\(jobs.counted("job")) on \(capacity.shortText(decimals: 2)) \(schedule.unit)\(share)."
        return isDetailed ? scene : scene + " The stronger the colour, the fuller the lanes."
    }

    /// All there is, in the schedule's unit; where it does not say, the most that was in use.
    var capacity: Double {
        schedule.capacity.isFinite && schedule.capacity > 0 ? schedule.capacity : curve.peak
    }

    func x(_ time: Double) -> Double {
        frame.left + (time - range.lowerBound) / (range.upperBound - range.lowerBound) * frame.plotWidth
    }

    func y(lane: Int) -> Double {
        frame.chart.lowerBound + frame.chartHeight * (1 - Double(lane) / Double(max(1, lanes.height)))
    }
}

extension Schedule.Entry {
    /// Whether it takes time and room, and both are numbers that a picture can hold: below 30,000 years.
    fileprivate var isDrawable: Bool {
        let limit = 1e12
        return start.magnitude < limit && end.magnitude < limit && end > start && width > 0 && width < limit
    }
}
