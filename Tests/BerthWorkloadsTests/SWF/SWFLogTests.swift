import BerthModel
import BerthPlanner
import BerthWorkloads
import Testing

struct SWFLogTests {
    /// A log's text: submit, run, width, request and user of each job.
    private func text(_ jobs: [(submit: Int, run: Int, width: Int, requested: Int, user: Int)]) -> String {
        "; MaxProcs: 10\n"
            + jobs.enumerated().map { index, job in
                "\(index + 1) \(job.submit) -1 \(job.run) \(job.width) -1 -1 \(job.width) \(job.requested) -1 1 "
                    + "\(job.user) 1 -1 -1 -1 -1 -1"
            }.joined(separator: "\n")
    }

    private func randomText(seed: UInt64) -> String {
        var random = SeededGenerator(seed: seed)
        var submit = 0
        return text(
            (0..<200).map { _ in
                submit += Int.random(in: 0...60, using: &random)
                let requested = Int.random(in: 1...600, using: &random)
                let run = Int.random(in: 1...requested, using: &random)
                return (
                    submit, run, Int.random(in: 1...10, using: &random), requested,
                    Int.random(in: 1...5, using: &random)
                )
            })
    }

    @Test(arguments: [
        ("; MaxProcs: 10\n1 2 3", "Line 2 has 3 columns"),
        ("1 x -1 5 1 -1 -1 1 5 -1 1 1 1 -1 -1 -1 -1 -1", "column 2"),
        ("1 0 -1 nan 1 -1 -1 1 5 -1 1 1 1 -1 -1 -1 -1 -1", "column 4"),
        ("1 0 -1 1e300 1 -1 -1 1 5 -1 1 1 1 -1 -1 -1 -1 -1", "column 4"), ("; only a header", "no jobs"),
    ])
    func `what cannot be read is named with its line`(text: String, part: String) {
        let error = #expect(throws: TraceError.self) { try SWFLog(text) }
        #expect(error?.description.contains(part) == true)
    }

    @Test func `without a header the widest job is the machine, and jobs may come unsorted`() throws {
        let log = try SWFLog(
            "2 50 -1 5 1 -1 -1 1 5 -1 1 1 1 -1 -1 -1 -1 -1\n1 0 -1 5 3 -1 -1 3 5 -1 1 1 1 -1 -1 -1 -1 -1")
        #expect(log.processors == 3)
        let run = try log.simulate(.easy, estimates: .requested, protocol: .full)[0]
        #expect(run.schedule?.entries.map(\.job) == ["1", "2"])
        #expect(run.value("averageBoundedSlowdown") == 1)
    }

    @Test func `a window beyond the log is refused`() throws {
        let log = try SWFLog(randomText(seed: 1))
        #expect(throws: TraceError.self) { try log.simulate(.berth, estimates: .requested, protocol: .windows) }
    }

    @Test(arguments: 0..<6 as Range<UInt64>, SWFPolicy.allCases)
    func `no processor is held twice, nothing starts early, and all jobs run`(seed: UInt64, policy: SWFPolicy) throws {
        let text = randomText(seed: seed)
        let submits = text.split(separator: "\n").dropFirst().compactMap { Double($0.split(separator: " ")[1]) }
        let first = submits[0]
        let run = try SWFLog(text).simulate(policy, estimates: .requested, protocol: .full)[0]
        let entries = try #require(run.schedule?.entries)
        #expect(entries.count == 200)
        for (entry, submit) in zip(entries, submits) {
            #expect(entry.start >= submit - first)
            let held = entries.filter { $0.start <= entry.start && entry.start < $0.end }.reduce(0) { $0 + $1.width }
            #expect(held <= 10)
        }
    }

    @Test func `a job behind the head never delays it when estimates are exact`() throws {
        // The head waits for 10 processors until 100; one job of 101 s would delay it, one of 90 s would not.
        let log = try SWFLog(
            text([(0, 100, 8, 100, 1), (1, 50, 10, 50, 2), (2, 101, 2, 101, 3), (3, 90, 2, 90, 4)]))
        let starts = try log.simulate(.easy, estimates: .exact, protocol: .full)[0].schedule?.entries.map(\.start)
        #expect(starts == [0, 100, 150, 3])
    }

    @Test func `a wide job starts in the end however many small ones keep coming`() throws {
        // Small jobs that any score prefers always hold some of the ten processors; the wide job needs all.
        let small = (0..<4_000).map { (submit: $0 * 100, run: 250, width: 4, requested: 260, user: 1) }
        let log = try SWFLog(text([small[0], (1, 7_200, 10, 7_200, 2)] + small.dropFirst()))
        let run = try log.simulate(.berth, estimates: .requested, protocol: .full)[0]
        let wide = try #require(run.schedule?.entries.first { $0.job == "2" })
        // Only small jobs that came within its patience go before it, two at a time, and more of them come than can run.
        #expect(wide.start <= Patience.ordinarySeconds / 100 / 2 * 250 + 260)
        #expect(wide.start > Patience.ordinarySeconds, "Until then the small ones go first.")
    }
}
