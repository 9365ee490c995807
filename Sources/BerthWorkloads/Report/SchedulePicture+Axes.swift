extension SchedulePicture {
    /// The ticks and titles of both parts, and the time axis that they share.
    func drawAxes(_ picture: inout SVGText) {
        drawTimeAxis(&picture)
        if lanes.bands.contains(where: { $0.machine != nil }) {
            drawMachines(&picture)
            drawTitle("machines", beside: frame.chart, &picture)
        } else {
            let top = Double(lanes.height) / ScheduleLanes.lanesPerUnit
            drawNumbers(upTo: top, beside: frame.chart, &picture)
            drawTitle(schedule.unit, beside: frame.chart, &picture)
        }
        drawNumbers(upTo: curveTop, beside: frame.curve, &picture)
        drawTitle("in use, %", beside: frame.curve, &picture)
    }

    /// The frames, and what parts the machines' bands: drawn last, since full lanes would cover them.
    func drawFrames(_ picture: inout SVGText) {
        for band in lanes.bands.dropLast() where y(lane: band.lanes.lowerBound) - y(lane: band.lanes.upperBound) > 6 {
            let top = y(lane: band.lanes.upperBound)
            drawLine("edge", from: (frame.left, top), to: (frame.right, top), &picture)
        }
        for part in [frame.chart, frame.curve] {
            picture.element(
                "rect",
                [
                    ("class", "edge"), ("x", frame.left.pixels), ("y", part.lowerBound.pixels),
                    ("width", frame.plotWidth.pixels), ("height", (part.upperBound - part.lowerBound).pixels),
                ])
        }
    }

    /// The curve's axis in per cent of the capacity; more than all where more than that was given.
    var curveTop: Double { capacity > 0 ? max(100, curve.peak / capacity * 100) : 100 }

    private func drawTimeAxis(_ picture: inout SVGText) {
        let axis = AxisTicks(seconds: range, atMost: 12)
        for tick in axis.ticks {
            let x = x(tick.value)
            for part in [frame.chart, frame.curve] {
                drawLine("grid", from: (x, part.lowerBound), to: (x, part.upperBound), &picture)
                picture.element(
                    "text", [("x", x.pixels), ("y", (part.upperBound + 17).pixels), ("text-anchor", "middle")],
                    words: tick.text)
            }
        }
        let middle = (frame.left + frame.plotWidth / 2).pixels
        picture.element(
            "text", [("x", middle), ("y", (frame.curve.upperBound + 40).pixels), ("text-anchor", "middle")],
            words: "\(axis.unit ?? "") since the start of the workload")
    }

    private func drawNumbers(upTo top: Double, beside part: ClosedRange<Double>, _ picture: inout SVGText) {
        guard top > 0 else { return }
        let height = part.upperBound - part.lowerBound
        for tick in AxisTicks(numbers: 0...top, atMost: max(2, Int(height / 32))).ticks {
            let y = part.upperBound - tick.value / top * height
            drawLine("grid", from: (frame.left, y), to: (frame.right, y), &picture)
            drawLabel(tick.text, y: y, &picture)
        }
    }

    /// Each machine's name beside its band, as many as there is room for.
    private func drawMachines(_ picture: inout SVGText) {
        var labelled = Double.infinity
        for band in lanes.bands {
            let (top, bottom) = (y(lane: band.lanes.upperBound), y(lane: band.lanes.lowerBound))
            let middle = (top + bottom) / 2
            guard labelled - middle >= 14 else { continue }
            labelled = middle
            let name = band.machine ?? "elsewhere"
            let isLong = name.count > PictureFrame.nameLength
            drawLabel(isLong ? name.prefix(PictureFrame.nameLength - 1) + "…" : name, y: middle, &picture)
        }
    }

    private func drawLabel(_ text: String, y: Double, _ picture: inout SVGText) {
        picture.element(
            "text", [("x", (frame.left - 7).pixels), ("y", (y + 4).pixels), ("text-anchor", "end")], words: text)
    }

    private func drawLine(
        _ style: String, from start: (x: Double, y: Double), to end: (x: Double, y: Double), _ picture: inout SVGText
    ) {
        picture.element(
            "line",
            [
                ("class", style), ("x1", start.x.pixels), ("y1", start.y.pixels), ("x2", end.x.pixels),
                ("y2", end.y.pixels),
            ])
    }

    /// Along the axis, read from below.
    private func drawTitle(_ text: String, beside part: ClosedRange<Double>, _ picture: inout SVGText) {
        let middle = ((part.lowerBound + part.upperBound) / 2).pixels
        picture.element(
            "text", [("transform", "translate(18 \(middle)) rotate(-90)"), ("text-anchor", "middle")], words: text)
    }
}
