/// A batch log in the Standard Workload Format, as read: `simulate` cleans and runs it.
public struct SWFLog: Sendable {
    /// The machine's size: `MaxProcs` of the header, else `MaxNodes`, else the widest job.
    public let processors: Int
    let records: [SWFRecord]

    /// More would not fit into memory as text.
    private static let processorLimit = 1_000_000_000

    /// - Parameter text: the unzipped file. Lines that begin with `;` are its header.
    public init(_ text: String) throws(TraceError) {
        var records: [SWFRecord] = []
        var header: [String: Int] = [:]
        var line = 0
        for text in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            line += 1
            guard let first = text.first(where: { $0 != " " && $0 != "\t" }) else { continue }
            if first == ";" {
                if let (name, value) = Self.size(text) { header[name] = value }
            } else {
                records.append(try SWFRecord(text, line: line))
            }
        }
        guard !records.isEmpty else {
            throw TraceError("The log has no jobs; after the header it needs a line of 18 columns for each job.")
        }
        self.records = records
        let widest = records.map { max($0.processorsUsed, $0.processorsRequested) }.max() ?? 0
        processors = header["MaxProcs"] ?? header["MaxNodes"] ?? widest
        guard (1...Self.processorLimit).contains(processors) else {
            throw TraceError(
                "The log's machine has \(processors) processors; "
                    + "the header's MaxProcs, or the jobs' columns 5 and 8, must say between 1 and \(Self.processorLimit)."
            )
        }
    }

    /// A header line that says how large the machine is: `; MaxProcs: 128`.
    private static func size(_ text: Substring) -> (name: String, value: Int)? {
        let parts = text.drop { $0 == ";" || $0 == " " || $0 == "\t" }.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0] == "MaxProcs" || parts[0] == "MaxNodes" else { return nil }
        let digits = parts[1].drop { $0 == " " || $0 == "\t" }.prefix { $0.isNumber }
        return Int(digits).flatMap { $0 > 0 ? (String(parts[0]), $0) : nil }
    }
}
