import RealModule

/// Where an axis is marked, and with what.
package struct AxisTicks: Equatable {
    package struct Tick: Equatable {
        package let value: Double
        package let text: String
    }

    /// What the texts count: `hours`; nil for bare numbers.
    package let unit: String?
    package let ticks: [Tick]

    /// Of a time axis in seconds: marked in the unit that suits the span, at steps that people count in.
    package init(seconds range: ClosedRange<Double>, atMost limit: Int) {
        let span = range.upperBound - range.lowerBound
        let (name, length, steps): (String, Double, [Double]) =
            switch span {
            case ..<180: ("seconds", 1, [1, 2, 5, 10, 15, 30])
            case ..<10_800: ("minutes", 60, [1, 2, 5, 10, 15, 30])
            case ..<432_000: ("hours", 3600, [1, 2, 3, 6, 12, 24])
            default: ("days", 86_400, [1])
            }
        let wanted = span / length / Double(limit)
        let fitting = wanted < steps[0] / 2 ? nil : steps.first { $0 >= wanted }
        self.init(range, step: fitting ?? Self.roundStep(atLeast: wanted), scale: length, unit: name)
    }

    /// Of an axis of plain numbers, at steps of 1, 2 or 5 times a power of ten.
    package init(numbers range: ClosedRange<Double>, atMost limit: Int) {
        let wanted = (range.upperBound - range.lowerBound) / Double(limit)
        self.init(range, step: Self.roundStep(atLeast: wanted), scale: 1, unit: nil)
    }

    private init(_ range: ClosedRange<Double>, step: Double, scale: Double, unit: String?) {
        self.unit = unit
        // A hair's breadth of tolerance: the end of the axis is marked where rounding put it just outside.
        let first = (range.lowerBound / scale / step - 1e-9).rounded(.up)
        let last = (range.upperBound / scale / step + 1e-9).rounded(.down)
        let decimals = min(max(0, Int((-Double.log10(step)).rounded(.up))), 9)
        ticks = stride(from: first, through: last, by: 1).map { number in
            Tick(value: number * step * scale, text: (number * step).shortText(decimals: decimals))
        }
    }

    private static func roundStep(atLeast wanted: Double) -> Double {
        guard wanted > 0, wanted.isFinite else { return 1 }
        let power = Double.exp10(Double.log10(wanted).rounded(.down))
        return power * ([1, 2, 5].first { $0 * power >= wanted * (1 - 1e-9) } ?? 10)
    }
}
