/// Rows of a comma-separated file with a header; columns are found by name.
struct OpenBTable {
    /// What the file is called in errors: `node list`, `pod list`.
    let title: String
    let rows: [Row]
    private let columns: [String: Int]

    struct Row {
        /// Counts from 1, the header included.
        let line: Int
        let fields: [Substring]
    }

    init(_ text: String, title: String, required: [String]) throws(TraceError) {
        self.title = title
        var rows: [Row] = []
        var columns: [String: Int] = [:]
        var line = 0
        var width = 0
        for text in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            line += 1
            guard !text.isEmpty else { continue }
            let fields = text.split(separator: ",", omittingEmptySubsequences: false)
            if width == 0 {
                width = fields.count
                for (index, name) in fields.enumerated() where columns[String(name)] == nil {
                    columns[String(name)] = index
                }
                for name in required where columns[name] == nil {
                    let names = required.joined(separator: ", ")
                    throw TraceError("The \(title)'s line \(line) names no column \(name); it needs \(names).")
                }
                continue
            }
            guard fields.count == width else {
                throw TraceError(
                    "The \(title)'s line \(line) has \(fields.count) columns; the header has \(width).")
            }
            rows.append(Row(line: line, fields: fields))
        }
        guard !rows.isEmpty else { throw TraceError("The \(title) has no rows; it needs a header and at least one.") }
        self.rows = rows
        self.columns = columns
    }

    /// The text in a column; empty where the file has no such column.
    func text(_ column: String, in row: Row) -> Substring { columns[column].map { row.fields[$0] } ?? "" }

    /// The whole number in a column.
    func number(_ column: String, in row: Row, within range: ClosedRange<Int>) throws(TraceError) -> Int {
        let field = text(column, in: row)
        guard let number = Int(field), range.contains(number) else {
            throw TraceError(
                "The \(title)'s line \(row.line) has \(column) \"\(field.prefix(40))\"; "
                    + "it takes a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }
}
