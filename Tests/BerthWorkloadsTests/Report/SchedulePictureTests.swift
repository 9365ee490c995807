import BerthModel
import BerthWorkloads
import Foundation
import FoundationXML
import Testing

struct SchedulePictureTests {
    /// A busy machine of 100 processors, never overcommitted.
    private static func busySchedule(jobs: Int) -> Schedule {
        var random = SeededGenerator(seed: 1)
        var free = [Double](repeating: 0, count: 100)
        let entries = (0..<jobs).map { number in
            let width = Int.random(in: 1...32, using: &random)
            free.sort()
            let start = free[width - 1] + .random(in: 0..<600, using: &random)
            let end = start + .random(in: 60..<20_000, using: &random)
            for processor in 0..<width { free[processor] = end }
            return Schedule.Entry(job: "\(number)", start: start, end: end, width: Double(width))
        }
        return Schedule(unit: "processors", capacity: 100, entries: entries)
    }

    private static func isWellFormed(_ svg: String) -> Bool { XMLParser(data: Data(svg.utf8)).parse() }

    @Test func `each job has its shape and its words`() {
        let entries = [
            Schedule.Entry(job: "render", start: 0, end: 3600, width: 2, machine: "node-1"),
            Schedule.Entry(job: "train", start: 600, end: 4200, width: 1, machine: "node-2"),
        ]
        let svg = SchedulePicture(Schedule(unit: "GPUs", capacity: 4, entries: entries), title: "gavel · las").svg
        #expect(Self.isWellFormed(svg))
        for words in [
            ">gavel · las<", ">2 jobs on 4 GPUs, 64.3 % in use on average.<", ">node-1<", ">node-2<", ">machines<",
            ">in use, %<", ">minutes since the start of the workload<", ">render: 1h 00m from 0s, 2 GPUs on node-1<",
            ">train: 1h 00m from 10m 00s, 1 GPUs on node-2<",
        ] { #expect(svg.contains(words), "\(words)") }
    }

    @Test func `a file explains itself to light and dark windows and asks for nothing else`() {
        let svg = SchedulePicture(Self.busySchedule(jobs: 5), title: "swf").svg
        #expect(svg.contains("prefers-color-scheme:dark"))
        #expect(!svg.contains("href") && !svg.contains("url(") && !svg.contains("<script"))
    }

    @Test(arguments: [10, 3000, 60_000])
    func `it stays below two megabytes`(jobs: Int) {
        let svg = SchedulePicture(Self.busySchedule(jobs: jobs), title: "swf").svg
        #expect(svg.utf8.count < 2_000_000)
        #expect(Self.isWellFormed(svg))
        #expect(svg.contains("The stronger the colour") == (jobs > 3000))
    }

    @Test func `the worst of maps stays below two megabytes`() {
        // Short jobs with gaps between them, so that hardly two neighbouring cells are equally full.
        var random = SeededGenerator(seed: 2)
        let entries = (0..<200_000).map { number in
            let start = Double(number / 120) * 100
            return Schedule.Entry(
                job: "\(number)", start: start, end: start + .random(in: 1..<95, using: &random), width: 1)
        }
        let svg = SchedulePicture(Schedule(unit: "processors", capacity: 120, entries: entries), title: "swf").svg
        #expect(svg.utf8.count < 2_000_000)
    }

    @Test func `names that XML cannot hold do no harm`() {
        let entry = Schedule.Entry(job: "<&\"\u{1}\u{FFFF}>", start: 0, end: 1, width: 1, machine: "a<b")
        let svg = SchedulePicture(Schedule(unit: "c&d", capacity: 1, entries: [entry]), title: "</svg>").svg
        #expect(Self.isWellFormed(svg))
        #expect(svg.contains("a&lt;b") && svg.contains("c&amp;d"))
    }

    @Test func `nothing to draw is a picture that says so`() {
        let entries = [
            Schedule.Entry(job: "a", start: 5, end: 5, width: 1), .init(job: "b", start: .nan, end: 1, width: 1),
            .init(job: "c", start: 0, end: .infinity, width: 1), .init(job: "d", start: 0, end: 1, width: 0),
        ]
        let svg = SchedulePicture(Schedule(unit: "GPUs", capacity: .nan, entries: entries), title: "none").svg
        #expect(Self.isWellFormed(svg))
        #expect(svg.contains("Nothing ran."))
    }

    @Test func `the same schedule is the same picture`() {
        let schedule = Self.busySchedule(jobs: 300)
        #expect(SchedulePicture(schedule, title: "a").svg == SchedulePicture(schedule, title: "a").svg)
    }
}
