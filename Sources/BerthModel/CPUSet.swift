/// A set of processing units (PUs), by their operating-system numbers.
///
/// Written as Linux and hwloc write it in list form, `0-3,8`; that form is also the one on the wire and in records.
public struct CPUSet: Hashable, Sendable, Codable, CustomStringConvertible, ExpressibleByArrayLiteral {
    /// The largest number a PU may have; a list from outside that names a larger one is refused.
    public static let largestNumber = 65_535

    /// Bit `n % 64` of word `n / 64` is PU `n`; the last word is never zero, so equal sets have equal words.
    private var words: [UInt64] = []

    public init() {}
    public init(arrayLiteral numbers: Int...) { self.init(numbers) }
    public init(_ numbers: some Sequence<Int>) { for number in numbers { insert(number) } }

    /// Reads list form; nil unless the whole text is one. The empty text is the empty set.
    public init?(_ text: some StringProtocol) {
        guard !text.isEmpty else { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = Self.number(ends[0]) else { return nil }
            guard let last = ends.count == 2 ? Self.number(ends[1]) : first, last >= first else { return nil }
            for number in first...last { insert(number) }
        }
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
            return nil
        }
        return Int(text).flatMap { $0 <= largestNumber ? $0 : nil }
    }

    public init(from decoder: any Decoder) throws { self = try decoder.parsed(Self.init) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    public var isEmpty: Bool { words.isEmpty }
    /// The smallest number.
    public var first: Int? {
        words.firstIndex { $0 != 0 }.map { $0 * 64 + words[$0].trailingZeroBitCount }
    }
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    public func contains(_ number: Int) -> Bool {
        number >= 0 && number / 64 < words.count && words[number / 64] & (1 << UInt64(number % 64)) != 0
    }

    public mutating func insert(_ number: Int) {
        precondition(
            number >= 0 && number <= Self.largestNumber, "a PU's number is between 0 and \(Self.largestNumber)")
        if number / 64 >= words.count {
            words.append(contentsOf: repeatElement(0, count: number / 64 + 1 - words.count))
        }
        words[number / 64] |= 1 << UInt64(number % 64)
    }

    public mutating func formUnion(_ other: CPUSet) {
        if words.count < other.words.count {
            words.append(contentsOf: repeatElement(0, count: other.words.count - words.count))
        }
        for index in other.words.indices { words[index] |= other.words[index] }
    }

    public mutating func subtract(_ other: CPUSet) {
        for index in words.indices where index < other.words.count { words[index] &= ~other.words[index] }
        trim()
    }

    public func union(_ other: CPUSet) -> CPUSet {
        var result = self
        result.formUnion(other)
        return result
    }

    public func subtracting(_ other: CPUSet) -> CPUSet {
        var result = self
        result.subtract(other)
        return result
    }

    public func intersection(_ other: CPUSet) -> CPUSet {
        var result = CPUSet()
        result.words = zip(words, other.words).map { $0 & $1 }
        result.trim()
        return result
    }

    /// How many are in both.
    public func sharedCount(with other: CPUSet) -> Int {
        zip(words, other.words).reduce(0) { $0 + ($1.0 & $1.1).nonzeroBitCount }
    }

    public func isDisjoint(with other: CPUSet) -> Bool { zip(words, other.words).allSatisfy { $0 & $1 == 0 } }
    public func isSubset(of other: CPUSet) -> Bool {
        guard words.count <= other.words.count else { return false }
        return words.indices.allSatisfy { words[$0] & ~other.words[$0] == 0 }
    }

    private mutating func trim() { while words.last == 0 { words.removeLast() } }

    /// The numbers, ascending.
    public var numbers: [Int] {
        var result: [Int] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                result.append(index * 64 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return result
    }

    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
