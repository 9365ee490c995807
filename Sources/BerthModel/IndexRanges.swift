/// A set of task indices, kept as few ranges: a million untouched tasks cost one.
///
/// Written as `0-999,1005`.
public struct IndexRanges: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Ascending, neither empty nor touching each other.
    public private(set) var ranges: [Range<Int>] = []

    public init() {}
    public init(_ range: Range<Int>) { if !range.isEmpty { ranges = [range] } }
    public init(_ indices: some Sequence<Int>) { for index in indices { insert(index) } }

    /// Reads `0-999,1005`; nil for anything else, and for indices of 2^31 and more.
    public init?(_ text: some StringProtocol) {
        guard !text.isEmpty else { return }
        var parts: [Range<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = UInt32(digits: ends[0]), let last = ends.count == 2 ? UInt32(digits: ends[1]) : first,
                first <= last, last <= Int32.max
            else { return nil }
            parts.append(Int(first)..<Int(last) + 1)
        }
        // Ascending, each goes to the end: a long list from outside costs no more than its sorting.
        for part in parts.sorted(by: { $0.lowerBound < $1.lowerBound }) { insert(contentsOf: part) }
    }

    public init(from decoder: any Decoder) throws { self = try decoder.parsed(Self.init) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    public var isEmpty: Bool { ranges.isEmpty }
    public var first: Int? { ranges.first?.lowerBound }
    public var last: Int? { ranges.last.map { $0.upperBound - 1 } }
    /// - Complexity: O(number of ranges).
    public var count: Int { ranges.reduce(0) { $0 + $1.count } }

    /// - Complexity: O(log of the number of ranges).
    public func contains(_ index: Int) -> Bool {
        let place = firstRange(endingAfter: index)
        return place < ranges.count && ranges[place].contains(index)
    }

    /// How many members are smaller, if it is a member.
    public func position(of index: Int) -> Int? {
        var before = 0
        for range in ranges {
            if range.contains(index) { return before + index - range.lowerBound }
            before += range.count
        }
        return nil
    }

    public mutating func insert(_ index: Int) { insert(contentsOf: index..<index + 1) }

    public mutating func insert(contentsOf range: Range<Int>) {
        guard !range.isEmpty else { return }
        var joined = range
        var end = firstRange(endingAfter: range.lowerBound - 1)
        let start = end
        while end < ranges.count, ranges[end].lowerBound <= joined.upperBound {
            joined =
                Swift.min(
                    joined.lowerBound, ranges[end].lowerBound)..<Swift.max(joined.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(start..<end, with: [joined])
    }

    public mutating func remove(_ index: Int) {
        let place = firstRange(endingAfter: index)
        guard place < ranges.count, ranges[place].contains(index) else { return }
        let range = ranges[place]
        let rest = [range.lowerBound..<index, index + 1..<range.upperBound].filter { !$0.isEmpty }
        ranges.replaceSubrange(place...place, with: rest)
    }

    private func firstRange(endingAfter index: Int) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound > index { high = middle } else { low = middle + 1 }
        }
        return low
    }

    public var description: String {
        ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound - 1)" }
            .joined(separator: ",")
    }
}

extension IndexRanges: Sequence {
    public func makeIterator() -> FlattenSequence<[Range<Int>]>.Iterator { ranges.joined().makeIterator() }
}
