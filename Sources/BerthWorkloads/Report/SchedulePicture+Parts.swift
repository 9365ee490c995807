import BerthModel

extension SchedulePicture {
    /// Each entry as a shape of its own, in its job's colour.
    func drawEntries(_ picture: inout SVGText) {
        var numbers: [String: Int] = [:]
        let byStart = schedule.entries.indices.sorted {
            (schedule.entries[$0].start, $0) < (schedule.entries[$1].start, $1)
        }
        for entry in byStart where numbers[schedule.entries[entry].job] == nil {
            numbers[schedule.entries[entry].job] = numbers.count
        }
        let pieces = Dictionary(grouping: lanes.pieces, by: \.entry)
        for index in byStart {
            let entry = schedule.entries[index]
            let shape = (pieces[index] ?? []).map { outline($0, of: entry) }.joined()
            let colour = PictureStyle.jobClass(numbers[entry.job] ?? 0)
            picture.element("path", [("class", colour), ("d", shape)]) {
                $0.element("title", words: entry.words(schedule.unit))
            }
        }
    }

    /// A rectangle in path language, a little narrower than its time so that neighbours part, but always to be seen.
    private func outline(_ piece: ScheduleLanes.Piece, of entry: Schedule.Entry) -> String {
        let (top, bottom) = (y(lane: piece.lanes.upperBound), y(lane: piece.lanes.lowerBound))
        let gap = bottom - top > 3 ? 0.6 : 0
        let width = max(x(entry.end) - x(entry.start) - 0.6, 0.6)
        return "M\(x(entry.start).pixels) \((top + gap / 2).shortText(decimals: 2))h\(width.pixels)"
            + "v\((bottom - top - gap).shortText(decimals: 2))h-\(width.pixels)z"
    }

    /// The chart as a map: a shape for each level of fullness.
    func drawOccupancy(_ picture: inout SVGText) {
        let (columns, levels) = (720, 8)
        let rows = min(120, lanes.height)
        let grid = OccupancyGrid(schedule, lanes, over: range, columns: columns, rows: rows)
        var shapes = [String](repeating: "", count: levels + 1)
        for run in grid.runs(levels: levels) where run.level > 0 {
            let width = run.columns.count
            shapes[run.level] += "M\(run.columns.lowerBound) \(rows - 1 - run.row)h\(width)v1h-\(width)z"
        }
        let scale = (frame.plotWidth / Double(columns), frame.chartHeight / Double(rows))
        let place =
            "translate(\(frame.left.pixels) \(frame.chart.lowerBound.pixels)) "
            + "scale(\(scale.0.shortText(decimals: 5)) \(scale.1.shortText(decimals: 5)))"
        picture.element("g", [("class", "map"), ("shape-rendering", "crispEdges"), ("transform", place)]) { picture in
            for (level, shape) in shapes.enumerated() where !shape.isEmpty {
                let opacity = (Double(level) / Double(levels)).shortText(decimals: 3)
                picture.element("path", [("opacity", opacity), ("d", shape)])
            }
        }
    }

    /// How much was in use, as a line over its area; steps too many to be seen are averaged.
    func drawCurve(_ picture: inout SVGText) {
        let steps = curve.points.count > 2000 ? curve.averaged(over: range, steps: 720) : curve
        guard capacity > 0, let first = steps.points.first else { return }
        let (bottom, height) = (frame.curve.upperBound, frame.curve.upperBound - frame.curve.lowerBound)
        func y(_ used: Double) -> String {
            (bottom - used / capacity * 100 / curveTop * height).shortText(decimals: 1)
        }
        let line = steps.points.map { "H\(x($0.time).pixels)V\(y($0.used))" }.joined()
        let path = "M\(x(first.time).pixels) \(bottom.pixels)" + line
        picture.element("path", [("class", "area"), ("d", path + "V\(bottom.pixels)z")])
        picture.element("path", [("class", "curve"), ("d", path)])
    }
}

extension Schedule.Entry {
    /// Who, how long, when and on how much.
    fileprivate func words(_ unit: String) -> String {
        let place = machine.map { " on \($0)" } ?? ""
        let start = Duration.seconds(start).text
        let length = Duration.seconds(end - self.start).text
        return "\(job.prefix(60)): \(length) from \(start), \(width.shortText(decimals: 3)) \(unit)\(place.prefix(60))"
    }
}
