/// One job's line: the columns that are used here. -1 stands for unknown, as in the file.
///
/// Source: the Standard Workload Format, version 2.2, of the Parallel Workloads Archive. Column 3, how long the job
/// waited on the real machine, is read by nobody.
struct SWFRecord: Hashable, Sendable {
    var number: Int
    var submitSeconds: Int
    var runSeconds: Int
    var processorsUsed: Int
    var processorsRequested: Int
    var requestedSeconds: Int
    var user: Int

    private static let columnCount = 18
    /// No figure of a log comes near; sums of so many jobs stay far from overflow.
    private static let largest = 1_000_000_000_000.0

    /// - Parameter line: the line's number in the file, from 1, for errors.
    init(_ text: Substring, line: Int) throws(TraceError) {
        let fields = text.split { $0 == " " || $0 == "\t" }
        guard fields.count >= Self.columnCount else {
            throw TraceError(
                "Line \(line) has \(fields.count) columns; a job of the Standard Workload Format has \(Self.columnCount)."
            )
        }
        number = try Self.whole(fields[0], "column 1, the job's number,", line: line)
        submitSeconds = try Self.whole(fields[1], "column 2, the submit time,", line: line)
        runSeconds = try Self.whole(fields[3], "column 4, the run time,", line: line)
        processorsUsed = try Self.whole(fields[4], "column 5, processors used,", line: line)
        processorsRequested = try Self.whole(fields[7], "column 8, processors requested,", line: line)
        requestedSeconds = try Self.whole(fields[8], "column 9, the requested time,", line: line)
        user = try Self.whole(fields[11], "column 12, the user,", line: line)
    }

    /// A whole number; fractions, which some logs hold, are cut off.
    private static func whole(_ field: Substring, _ title: String, line: Int) throws(TraceError) -> Int {
        if let number = Int(field), Double(number).magnitude <= largest { return number }
        guard let number = Double(field), number.magnitude <= largest else {
            throw TraceError(
                "Line \(line) has \"\(field.prefix(40))\" in \(title) where a number between -1e12 and 1e12 belongs; "
                    + "-1 stands for unknown.")
        }
        return Int(number)
    }
}
