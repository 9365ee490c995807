/// On which lanes each entry of a schedule is drawn. A lane is a thousandth of the schedule's unit, so that shares have
/// a place too. Machines that are told apart have bands of their own, one above the other; within a band, and where
/// machines are not told apart, an entry takes the lowest lanes that are free at its start.
/// - Complexity: O(n (log n + f)) for n entries and at most f stretches of free lanes.
package struct ScheduleLanes {
    package static let lanesPerUnit = 1000.0

    /// A rectangle of the chart. An entry whose lanes are not neighbours has several.
    package struct Piece: Hashable {
        /// Its place in the schedule.
        package let entry: Int
        package let lanes: Range<Int>
    }

    /// One machine's lanes, or all of them.
    package struct Band: Hashable {
        package let machine: String?
        package let lanes: Range<Int>
    }

    /// Those of one entry follow one another.
    package private(set) var pieces: [Piece] = []
    /// From the lowest lanes up.
    package private(set) var bands: [Band] = []

    package var height: Int { bands.last?.lanes.upperBound ?? 0 }

    package init(_ schedule: Schedule) {
        let machines = Dictionary(grouping: schedule.entries.indices) { schedule.entries[$0].machine }
        // The first machine is drawn at the top, so its lanes are the highest.
        for machine in machines.keys.sorted(by: { naturallyPrecedes($1 ?? Self.last, $0 ?? Self.last) }) {
            let base = height
            let (placed, top) = Self.place(machines[machine] ?? [], of: schedule)
            let isWhole = machine == nil && machines.count == 1
            let height = isWhole ? max(top, Self.lanes(schedule.capacity)) : top
            bands.append(Band(machine: machine, lanes: base..<base + height))
            pieces += placed.map {
                Piece(entry: $0.entry, lanes: $0.lanes.lowerBound + base..<$0.lanes.upperBound + base)
            }
        }
    }

    /// Sorts what ran on no machine of a name after those that did.
    private static let last = "\u{10FFFF}"

    /// What is told apart is at least one lane wide, and no absurd width makes the lanes run out.
    private static func lanes(_ width: Double) -> Int {
        width > 0 ? Int(min(max((width * lanesPerUnit).rounded(), 1), 1e12)) : 0
    }

    /// Gives the entries of one band their lanes, counted from its bottom, and says how high it is.
    private static func place(_ entries: [Int], of schedule: Schedule) -> (pieces: [Piece], height: Int) {
        let changes = entries.flatMap { entry in
            [
                Change(time: schedule.entries[entry].start, isStart: true, entry: entry),
                Change(time: schedule.entries[entry].end, isStart: false, entry: entry),
            ]
        }
        var free = FreeLanes()
        var held: [Int: [Range<Int>]] = [:]
        var pieces: [Piece] = []
        for change in changes.sorted() {
            if change.isStart {
                let lanes = free.take(Self.lanes(schedule.entries[change.entry].width))
                held[change.entry] = lanes
                pieces += lanes.map { Piece(entry: change.entry, lanes: $0) }
            } else {
                for lanes in held.removeValue(forKey: change.entry) ?? [] { free.give(lanes) }
            }
        }
        return (pieces, free.height)
    }

    /// An end frees its lanes for what starts at the same instant.
    private struct Change: Comparable {
        let time: Double
        let isStart: Bool
        let entry: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.time, left.isStart ? 1 : 0, left.entry) < (right.time, right.isStart ? 1 : 0, right.entry)
        }
    }
}

/// Whether a name comes before another as people sort: runs of digits by their number, `gpu-2` before `gpu-10`. A total
/// order.
package func naturallyPrecedes(_ name: String, _ other: String) -> Bool {
    var (left, right) = (Substring(name), Substring(other))
    while let first = left.first, let second = right.first {
        let numbers = (left.prefix(while: \.isDigit), right.prefix(while: \.isDigit))
        if !numbers.0.isEmpty, !numbers.1.isEmpty {
            let (one, two) = (numbers.0.drop { $0 == "0" }, numbers.1.drop { $0 == "0" })
            if one != two { return (one.count, String(one)) < (two.count, String(two)) }
            left.removeFirst(numbers.0.count)
            right.removeFirst(numbers.1.count)
        } else {
            if first != second { return first < second }
            left.removeFirst()
            right.removeFirst()
        }
    }
    return left.isEmpty && right.isEmpty ? name < other : left.isEmpty
}

extension Character {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}
