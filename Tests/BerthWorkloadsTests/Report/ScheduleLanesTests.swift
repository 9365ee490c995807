import BerthModel
import BerthWorkloads
import Testing

struct ScheduleLanesTests {
    private static func schedule(_ entries: [Schedule.Entry]) -> Schedule {
        Schedule(unit: "processors", capacity: 4, entries: entries)
    }

    private static func entry(
        _ job: String, _ time: ClosedRange<Double>, _ width: Double, on machine: String? = nil
    ) -> Schedule.Entry {
        Schedule.Entry(job: job, start: time.lowerBound, end: time.upperBound, width: width, machine: machine)
    }

    @Test func `an entry takes the lowest free lanes, in pieces where these are apart`() {
        let lanes = ScheduleLanes(
            Self.schedule([
                Self.entry("a", 0...10, 1), Self.entry("b", 0...20, 1), Self.entry("c", 10...20, 2),
            ]))
        #expect(
            lanes.pieces.map { [$0.entry, $0.lanes.lowerBound, $0.lanes.upperBound] } == [
                [0, 0, 1000], [1, 1000, 2000], [2, 0, 1000], [2, 2000, 3000],
            ])
        #expect(lanes.height == 4000)
    }

    @Test func `shares of a unit stand in one another's unit`() {
        let lanes = ScheduleLanes(Self.schedule([Self.entry("a", 0...1, 0.3), Self.entry("b", 0...1, 0.7)]))
        #expect(lanes.pieces.map(\.lanes) == [0..<300, 300..<1000])
    }

    @Test func `machines have bands of their own, the first by its number on top`() {
        let lanes = ScheduleLanes(
            Self.schedule([
                Self.entry("a", 0...1, 1, on: "node-10"), Self.entry("b", 0...1, 2, on: "node-2"),
                Self.entry("c", 1...2, 1, on: "node-2"),
            ]))
        #expect(lanes.bands.map(\.machine) == ["node-10", "node-2"])
        #expect(lanes.bands.map(\.lanes) == [0..<1000, 1000..<3000])
    }

    @Test func `more than the capacity is stacked above it`() {
        let lanes = ScheduleLanes(Self.schedule([Self.entry("a", 0...1, 3), Self.entry("b", 0...1, 3)]))
        #expect(lanes.height == 6000)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `no two entries hold a lane at once, and each has all of its width`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let entries = (0..<60).map { number in
            let start = Double(Int.random(in: 0..<50, using: &random))
            let length = Double(Int.random(in: 1..<20, using: &random))
            let machine = ["a", "b", nil].randomElement(using: &random) ?? nil
            return Self.entry("\(number)", start...start + length, .random(in: 0.1...3, using: &random), on: machine)
        }
        let lanes = ScheduleLanes(Self.schedule(entries))
        for (index, entry) in entries.enumerated() {
            let pieces = lanes.pieces.filter { $0.entry == index }
            #expect(pieces.map(\.lanes.count).reduce(0, +) == Int((entry.width * 1000).rounded()))
        }
        for (number, piece) in lanes.pieces.enumerated() {
            for other in lanes.pieces[..<number] where piece.lanes.overlaps(other.lanes) {
                let (one, two) = (entries[piece.entry], entries[other.entry])
                #expect(one.end <= two.start || two.end <= one.start)
            }
        }
    }

    @Test(arguments: [("gpu-2", "gpu-10"), ("a", "b"), ("n", "n1"), ("node7b", "node07c"), ("9", "10"), ("n07", "n7")])
    func `names sort by the numbers in them`(first: String, second: String) {
        #expect(naturallyPrecedes(first, second))
        #expect(!naturallyPrecedes(second, first))
        #expect(!naturallyPrecedes(first, first))
    }
}
