import BerthController
import BerthModel
import Foundation

/// What a person sees, and where.
enum Terminal {
    static var isInteractive: Bool { isatty(1) == 1 }
    static var hasColours: Bool {
        let environment = ProcessInfo.processInfo.environment
        return isInteractive && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    static var width: Int {
        var size = winsize()
        if isInteractive, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        return ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 100
    }

    static func complain(_ text: String) { FileHandle.standardError.write(Data(("berth: " + text + "\n").utf8)) }
    static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    enum Colour: String {
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
        case dim = "2"
        case bold = "1"
    }

    static func coloured(_ text: String, _ colour: Colour?) -> String {
        guard let colour, hasColours else { return text }
        return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
    }

    static func colour(of state: JobState) -> Colour? {
        switch state {
        case .running, .starting: .cyan
        case .succeeded: .green
        case .failed, .timedOut: .red
        case .held, .cancelled: .dim
        case .stopping: .yellow
        case .pending: nil
        }
    }

    /// Today's times as a clock, others with their date; local time, as people live in it.
    static func time(_ text: String?) -> String {
        guard let text, let time = Timestamp(text) else { return "-" }
        var seconds = time_t(time.microseconds / 1_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var now = Foundation.time(nil)
        var today = tm()
        localtime_r(&now, &today)
        let format = parts.tm_yday == today.tm_yday && parts.tm_year == today.tm_year ? "%H:%M:%S" : "%Y-%m-%d %H:%M"
        let bytes = [CChar](unsafeUninitializedCapacity: 32) { buffer, count in
            count = strftime(buffer.baseAddress, 32, format, &parts)
        }
        return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func span(from start: String?, to end: String?) -> String {
        guard let start = start.flatMap({ Timestamp($0) }) else { return "-" }
        let end = end.flatMap { Timestamp($0) } ?? .now
        return max(end - start, .zero).text
    }
}

/// A table for people: columns as wide as they need to be, the last one cut at the terminal's edge.
struct Table {
    private let titles: [String]
    private var rows: [[(text: String, colour: Terminal.Colour?)]] = []

    init(_ titles: [String]) { self.titles = titles }

    mutating func add(_ cells: [String], colours: [Int: Terminal.Colour?] = [:]) {
        rows.append(cells.enumerated().map { ($0.element, colours[$0.offset] ?? nil) })
    }

    var isEmpty: Bool { rows.isEmpty }

    /// Prints only the columns that `format` names, comma-separated, or all.
    func print(format: String? = nil) throws {
        let columns = try columns(format)
        let widths = columns.map { column in
            ([titles[column]] + rows.map { $0[column].text }).map(\.count).max() ?? 0
        }
        let limit = Terminal.isInteractive ? Terminal.width : Int.max
        func line(_ cells: [(text: String, colour: Terminal.Colour?)]) -> String {
            var left = limit
            var text = ""
            for (index, cell) in cells.enumerated() {
                let isLast = index == cells.count - 1
                let cut = String(cell.text.prefix(max(0, left)))
                let padding = isLast ? "" : String(repeating: " ", count: max(0, widths[index] - cut.count) + 2)
                text += Terminal.coloured(cut, cell.colour) + padding
                left -= cut.count + padding.count
            }
            return text
        }
        Swift.print(line(columns.map { (titles[$0], .bold) }))
        for row in rows { Swift.print(line(columns.map { row[$0] })) }
    }

    private func columns(_ format: String?) throws -> [Int] {
        guard let format else { return Array(titles.indices) }
        return try format.split(separator: ",").map { name in
            let wanted = name.uppercased().filter { $0 != " " }
            guard let column = titles.firstIndex(where: { $0.filter { $0 != " " } == wanted }) else {
                let known = titles.map { $0.lowercased() }
                let hint =
                    String(name).nearest(in: known).map { "Did you mean \"\($0)\"?" }
                    ?? "There are \(known.joined(separator: ", "))."
                throw Failure(2, "There is no column \"\(name)\". \(hint)")
            }
            return column
        }
    }
}

/// Prints one JSON document.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
