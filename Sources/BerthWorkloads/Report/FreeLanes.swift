/// Identical lanes without an end, of which the lowest free ones are given.
struct FreeLanes {
    /// Ascending; no two touch.
    private var free = [0..<Int.max]
    /// One more than the highest lane that was ever given.
    private(set) var height = 0

    /// Takes the lowest `count` lanes, in as few stretches as they come in, the lowest first.
    mutating func take(_ count: Int) -> [Range<Int>] {
        var taken: [Range<Int>] = []
        var missing = count
        var emptied = 0
        while missing > 0, emptied < free.count {
            let stretch = free[emptied]
            let end = stretch.lowerBound + min(missing, stretch.count)
            taken.append(stretch.lowerBound..<end)
            missing -= end - stretch.lowerBound
            if end == stretch.upperBound { emptied += 1 } else { free[emptied] = end..<stretch.upperBound }
        }
        free.removeFirst(emptied)
        height = max(height, taken.last?.upperBound ?? 0)
        return taken
    }

    /// - Parameter lanes: what `take` gave, or a part of it.
    mutating func give(_ lanes: Range<Int>) {
        let next = free.partitioningIndex { $0.lowerBound >= lanes.upperBound }
        var (lower, upper) = (lanes.lowerBound, lanes.upperBound)
        var touched = next..<next
        if next < free.count, free[next].lowerBound == upper {
            upper = free[next].upperBound
            touched = touched.lowerBound..<next + 1
        }
        if next > 0, free[next - 1].upperBound == lower {
            lower = free[next - 1].lowerBound
            touched = next - 1..<touched.upperBound
        }
        free.replaceSubrange(touched, with: CollectionOfOne(lower..<upper))
    }
}

extension [Range<Int>] {
    /// The first index whose element satisfies `condition`, which all after it do too.
    fileprivate func partitioningIndex(where condition: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = low + (high - low) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
