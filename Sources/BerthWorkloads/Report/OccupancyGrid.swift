/// How full each cell of a grid over time and lanes is: a Gantt chart of more jobs than can be told apart.
struct OccupancyGrid {
    let columns: Int
    let rows: Int
    /// The share of each cell's lanes and time that was held, 0 to 1; row by row from the lowest lanes.
    private(set) var cells: [Double]

    /// - Parameters:
    ///   - schedule: its times in seconds.
    ///   - range: the time from the first column's start to the last one's end; not empty.
    init(_ schedule: Schedule, _ lanes: ScheduleLanes, over range: ClosedRange<Double>, columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        cells = [Double](repeating: 0, count: columns * rows)
        let scale = Double(columns) / (range.upperBound - range.lowerBound)
        for piece in lanes.pieces {
            let entry = schedule.entries[piece.entry]
            add(
                columns: (entry.start - range.lowerBound) * scale..<(entry.end - range.lowerBound) * scale,
                rows: Double(piece.lanes.lowerBound) / Double(lanes.height) * Double(rows)..<Double(
                    piece.lanes.upperBound) / Double(lanes.height) * Double(rows))
        }
    }

    /// Adds a rectangle, given in columns and rows, to the cells that it covers in part or whole.
    private mutating func add(columns across: Range<Double>, rows up: Range<Double>) {
        for row in Self.cells(up, count: rows) {
            let high = Self.overlap(up, cell: row)
            for column in Self.cells(across, count: columns) {
                cells[row * columns + column] += high * Self.overlap(across, cell: column)
            }
        }
    }

    private static func cells(_ range: Range<Double>, count: Int) -> Range<Int> {
        let first = min(max(Int(range.lowerBound), 0), count)
        let end = min(max(Int(range.upperBound.rounded(.up)), first), count)
        return first..<end
    }

    private static func overlap(_ range: Range<Double>, cell: Int) -> Double {
        max(0, min(range.upperBound, Double(cell + 1)) - max(range.lowerBound, Double(cell)))
    }

    /// The cells in `levels` steps of fullness, 0 for (all but) empty ones: neighbours of one level in a row together.
    func runs(levels: Int) -> [(row: Int, columns: Range<Int>, level: Int)] {
        (0..<rows).flatMap { row in
            var runs: [(row: Int, columns: Range<Int>, level: Int)] = []
            for column in 0..<columns {
                let share = cells[row * columns + column]
                let level = share < 0.005 ? 0 : min(max(Int((share * Double(levels)).rounded(.up)), 1), levels)
                if let last = runs.last, last.level == level {
                    runs[runs.count - 1].columns = last.columns.lowerBound..<column + 1
                } else {
                    runs.append((row, column..<column + 1, level))
                }
            }
            return runs
        }
    }
}
