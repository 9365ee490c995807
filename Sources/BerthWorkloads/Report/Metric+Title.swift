extension SimulationRun.Metric {
    /// The name as a column's head, with its unit at the end: `averageBoundedSlowdown` is `AVG BSLD`,
    /// `unallocatedPercent` at key `100` is `UNALLOC@100 %`.
    package var title: String {
        var words = Self.words(of: name)
        let unit = words.count > 1 ? words.last.flatMap { Self.units[$0] } : nil
        if unit != nil { words.removeLast() }
        var name = words.joined(separator: " ")
        for (long, short) in Self.abbreviations { name.replace(long, with: short) }
        return name.uppercased() + (key.map { "@" + $0 } ?? "") + (unit.map { " " + $0 } ?? "")
    }

    private static let units = [
        "percent": "%", "seconds": "s", "milliseconds": "ms", "microseconds": "µs", "minutes": "min", "hours": "h",
        "bytes": "B", "kilojoules": "kJ",
    ]

    /// As the field writes them; a table has to fit a terminal.
    private static let abbreviations = [
        ("average", "avg"), ("maximum", "max"), ("minimum", "min"), ("bounded slowdown", "bsld"),
        ("unallocated", "unalloc"), ("fragmentation", "frag"),
    ]

    /// `meanFlowSeconds` is `mean`, `flow`, `seconds`.
    private static func words(of name: String) -> [String] {
        name.reduce(into: []) { words, letter in
            if letter.isUppercase || words.isEmpty { words.append("") }
            words[words.count - 1] += letter.lowercased()
        }
    }
}
