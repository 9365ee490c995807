/// A table of comma-separated values without quotes, its columns found by the names in its first line.
struct GavelTable {
    struct Row {
        let line: Int
        fileprivate let fields: [Substring]
    }

    /// What messages call the table: "jobs".
    let name: String
    let rows: [Row]
    private let columns: [String]

    init(_ text: String, name: String, columns: [String]) throws(TraceError) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasSuffix("\r") ? line.dropLast() : line
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        guard let header = lines.first?.split(separator: ",", omittingEmptySubsequences: false) else {
            throw TraceError("The \(name) are empty. They begin with a line of column names.")
        }
        var positions: [Int] = []
        for column in columns {
            guard let position = header.firstIndex(of: column[...]) else {
                throw TraceError("The \(name) have no column \(column). Their first line should name it.")
            }
            positions.append(position)
        }
        var rows: [Row] = []
        rows.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated().dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count == header.count else {
                throw TraceError(
                    "Line \(index + 1) of the \(name) has \(fields.count) fields; the first line names \(header.count)."
                )
            }
            rows.append(Row(line: index + 1, fields: positions.map { fields[$0] }))
        }
        self.name = name
        self.columns = columns
        self.rows = rows
    }

    func text(_ row: Row, _ column: Int) -> String {
        String(row.fields[column])
    }

    func number(_ row: Row, _ column: Int, in range: ClosedRange<Double>) throws(TraceError) -> Double {
        guard let value = Double(row.fields[column]), range.contains(value) else {
            throw refusal(row, column, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func count(_ row: Row, _ column: Int, in range: ClosedRange<Int>) throws(TraceError) -> Int {
        guard let value = Int(row.fields[column]), range.contains(value) else {
            throw refusal(row, column, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private func refusal(_ row: Row, _ column: Int, _ expected: String) -> TraceError {
        let found = row.fields[column].prefix(40)
        return TraceError(
            "Line \(row.line) of the \(name): \(columns[column]) is \"\(found)\"; it should be \(expected).")
    }
}
