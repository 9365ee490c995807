/// Sizes in bytes, as people write them.
public enum ByteCount {
    private static let units: [(String, Int64)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50),
        ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("PB", 1_000_000_000_000_000), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40), ("B", 1),
        ("", 1),
    ]

    /// Reads `512MiB`, `1.5GiB`, `4GB` (10^9), `8G` (2^30, as Slurm and Kubernetes users write it) or plain bytes; nil
    /// for anything else, negative sizes and sizes beyond 2^63.
    public static func parse(_ text: some StringProtocol) -> Int64? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let factor = units.first(where: { $0.0 == unit })?.1 else { return nil }
        if let whole = Int64(digits) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: factor)
            return overflow ? nil : bytes
        }
        guard let number = Double(digits), number.isFinite, number >= 0, number * Double(factor) < 9.2e18 else {
            return nil
        }
        return Int64((number * Double(factor)).rounded())
    }

    /// The size in the largest binary unit that leaves at least 1, with at most one decimal: `1.5 GiB`.
    public static func text(_ bytes: Int64) -> String {
        guard let (unit, factor) = units[0...4].last(where: { bytes.magnitude >= $0.1 }) else { return "\(bytes) B" }
        let tenths = Int64((Double(bytes) / Double(factor) * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(abs(tenths) % 10) \(unit)"
    }
}

extension Duration {
    /// Reads `90s`, `10m`, `2h30m`, `7d`, `1.5h`, `500ms` or Slurm's `1:30:00` and `2-12:00:00`; a number alone is
    /// seconds. nil for anything else and for negative times.
    public init?(text: some StringProtocol) {
        if text.contains(":") {
            guard let seconds = Self.clockSeconds(text) else { return nil }
            self = .seconds(seconds)
            return
        }
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        if rest.utf8.first != UInt8(ascii: "+"), !rest.hasPrefix("0x"), !rest.hasPrefix("0X"),
            let seconds = Double(rest)
        {
            guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return nil }
            self = .microseconds(Int64((seconds * 1_000_000).rounded()))
            return
        }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = rest.dropFirst(digits.count).prefix { $0.isLetter }
            let scales: [Substring: Double] = [
                "ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800,
            ]
            guard let number = Double(digits), let scale = scales[unit] else { return nil }
            total += number * scale
            rest = rest.dropFirst(digits.count + unit.count)
        }
        guard total < 1e12 else { return nil }
        self = .microseconds(Int64((total * 1_000_000).rounded()))
    }

    /// `H:M:S`, `M:S`, `D-H:M:S` or `D-H:M`, as Slurm's `--time` takes it.
    private static func clockSeconds(_ text: some StringProtocol) -> Int64? {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let days = parts.count == 2 ? Int64(digits: parts[0]) : 0
        let fields = (parts.last ?? "").split(separator: ":", omittingEmptySubsequences: false).map {
            Int64(digits: $0)
        }
        guard let days, days <= 100_000, (2...3).contains(fields.count) else { return nil }
        var seconds: Int64 = 0
        for field in fields {
            guard let field, field <= 1_000_000 else { return nil }
            seconds = seconds * 60 + field
        }
        // After days come hours: `1-12:00` is a day and a half.
        return days * 86_400 + (parts.count == 2 && fields.count == 2 ? seconds * 60 : seconds)
    }

    /// The time as people read it: `2d 3h`, `4h 05m`, `1m 30s`, `2.4s`, `12ms`.
    public var text: String {
        if microseconds < 0 { return "-" + Duration.microseconds(-max(microseconds, -.max)).text }
        let milliseconds = microseconds / 1000
        let seconds = milliseconds / 1000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return switch seconds {
        case 0 where milliseconds == 0: "0s"
        case 0: "\(milliseconds)ms"
        case 1..<60: milliseconds % 1000 < 100 ? "\(seconds)s" : "\(seconds).\(milliseconds % 1000 / 100)s"
        case 60..<3600: "\(seconds / 60)m \(two(seconds % 60))s"
        case 3600..<86_400: "\(seconds / 3600)h \(two(seconds / 60 % 60))m"
        default: "\(seconds / 86_400)d \(two(seconds / 3600 % 24))h"
        }
    }
}

extension Int {
    /// The number with what is counted: `1 core`, `2 cores`.
    public func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}

extension String {
    /// The member of `known` that is nearest to this by edits of single characters (insert, delete, replace, swap of
    /// neighbours), if one is near enough to have been meant.
    public func nearest(in known: some Sequence<String>) -> String? {
        let limit = Swift.max(2, count / 3)
        // Nobody means a name of hundreds of letters, and comparing such costs the product of their lengths.
        guard count <= 256 else { return nil }
        return known.filter { abs($0.count - count) <= limit }.map { (distance(to: $0), $0) }
            .min { ($0.0, $0.1) < ($1.0, $1.1) }
            .flatMap { $0.0 <= limit ? $0.1 : nil }
    }

    /// Restricted Damerau-Levenshtein distance, letters compared without case.
    private func distance(to other: String) -> Int {
        let left = Array(lowercased())
        let right = Array(other.lowercased())
        guard !left.isEmpty, !right.isEmpty else { return Swift.max(left.count, right.count) }
        var rows = [[Int]](repeating: Array(0...right.count), count: left.count + 1)
        for row in 1...left.count {
            rows[row][0] = row
            for column in 1...right.count {
                let replaced = rows[row - 1][column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
                rows[row][column] = Swift.min(replaced, rows[row - 1][column] + 1, rows[row][column - 1] + 1)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    rows[row][column] = Swift.min(rows[row][column], rows[row - 2][column - 2] + 1)
                }
            }
        }
        return rows[left.count][right.count]
    }
}
