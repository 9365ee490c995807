/// How much of a schedule's capacity was in use, over time: from each point on, its value holds until the next.
package struct UsageCurve {
    package struct Point: Hashable {
        /// Seconds from the start of the workload.
        package let time: Double
        /// In the schedule's unit.
        package let used: Double
    }

    /// Ascending in time; the last one is where everything has ended.
    package let points: [Point]

    package var peak: Double { points.map(\.used).max() ?? 0 }

    package init(_ schedule: Schedule) {
        let changes = schedule.entries.flatMap { [($0.start, $0.width), ($0.end, -$0.width)] }.sorted { $0 < $1 }
        var points: [Point] = []
        var used = 0.0
        var running = 0
        for (time, change) in changes {
            used += change
            running += change > 0 ? 1 : -1
            // Sums of shares leave crumbs behind; nobody running is exactly nothing in use.
            if running == 0 { used = 0 }
            if points.last?.time == time { points.removeLast() }
            if points.last?.used != used { points.append(Point(time: time, used: used)) }
        }
        self.points = points
    }

    private init(_ points: [Point]) { self.points = points }

    /// The mean in each of `count` equal stretches of time: a curve with so many steps and the same area.
    package func averaged(over range: ClosedRange<Double>, steps count: Int) -> UsageCurve {
        let width = (range.upperBound - range.lowerBound) / Double(count)
        guard width > 0 else { return self }
        var areas = [Double](repeating: 0, count: count)
        for (point, next) in zip(points, points.dropFirst()) {
            let (start, end) = (point.time - range.lowerBound, next.time - range.lowerBound)
            let first = min(max(Int(start / width), 0), count - 1)
            let last = min(max(Int(end / width), first), count - 1)
            for step in first...last {
                let shared = min(end, Double(step + 1) * width) - max(start, Double(step) * width)
                areas[step] += max(0, shared) * point.used
            }
        }
        let steps = areas.indices.map { Point(time: range.lowerBound + Double($0) * width, used: areas[$0] / width) }
        return UsageCurve(steps + [Point(time: range.upperBound, used: 0)])
    }

    /// The mean in use between the first start and the last end.
    package var mean: Double {
        guard let first = points.first, let last = points.last, last.time > first.time else { return 0 }
        let area = zip(points, points.dropFirst()).map { $0.used * ($1.time - $0.time) }.reduce(0, +)
        return area / (last.time - first.time)
    }
}
