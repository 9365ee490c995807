import BerthModel
import Testing

@Suite struct IndexRangesTests {
    @Test(arguments: [
        ("", "", 0), ("7", "7", 1), ("0-999,1005", "0-999,1005", 1001), ("3,1,2", "1-3", 3), ("0-5,3-9", "0-9", 10),
        ("1-2,3-4", "1-4", 4), ("2147483647", "2147483647", 1), ("5,5", "5", 1),
    ])
    func `ranges are read and written as few as can be`(text: String, written: String, count: Int) throws {
        let ranges = try #require(IndexRanges(text))
        #expect(ranges.description == written)
        #expect(ranges.count == count)
    }

    @Test(arguments: [
        ",", "1,", "-", "1-", "-1", "2-1", "a", "+1", "0-+5", "-0", "1.5", " 1", "2147483648", "0-2147483648",
        "4294967296", "٣",
    ])
    func `what is no list of ranges is refused`(text: String) { #expect(IndexRanges(text) == nil) }

    @Test func `a million untouched tasks are one range`() {
        var tasks = IndexRanges(0..<1_000_000)
        tasks.remove(500_000)
        #expect(tasks.ranges.count == 2)
        #expect(tasks.count == 999_999)
        tasks.insert(500_000)
        #expect(tasks.ranges == [0..<1_000_000])
    }

    @Test func `removing the ends, the middle and what is not there`() {
        var tasks = IndexRanges(3..<8)
        tasks.remove(9)
        tasks.remove(2)
        #expect(tasks.description == "3-7")
        tasks.remove(3)
        tasks.remove(7)
        #expect(tasks.description == "4-6")
        tasks.remove(5)
        #expect(tasks.description == "4,6")
        tasks.remove(4)
        tasks.remove(6)
        #expect(tasks.isEmpty)
        #expect(tasks == IndexRanges())
    }

    @Test func `a place in line counts the members before`() {
        let tasks = IndexRanges([2, 3, 10])
        #expect([2, 3, 10].map { tasks.position(of: $0) } == [0, 1, 2])
        #expect(tasks.position(of: 4) == nil)
        #expect(tasks.first == 2)
        #expect(tasks.last == 10)
    }

    @Test func `an array's values go to its indices in order`() {
        let array = ArraySpecification(indices: IndexRanges([1, 5, 6]), values: ["a", "b"])
        #expect(array.value(of: 1) == "a")
        #expect(array.value(of: 5) == "b")
        #expect(array.value(of: 6) == nil)
        #expect(array.value(of: 2) == nil)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `it agrees with a plain set of numbers`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var plain: Set<Int> = []
        var ranges = IndexRanges()
        for _ in 0..<60 {
            let first = Int.random(in: 0..<80, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let range = first..<first + Int.random(in: 0...12, using: &random)
                plain.formUnion(range)
                ranges.insert(contentsOf: range)
            case 1:
                plain.insert(first)
                ranges.insert(first)
            default:
                plain.remove(first)
                ranges.remove(first)
            }
            #expect(Array(ranges) == plain.sorted())
            #expect(zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        }
        #expect(ranges.count == plain.count)
        #expect((-1...100).filter(ranges.contains) == plain.sorted())
        #expect(IndexRanges(plain) == ranges)
        #expect(try #require(IndexRanges(ranges.description)) == ranges)
    }
}
