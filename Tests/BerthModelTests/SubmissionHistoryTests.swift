import BerthModel
import Testing

@Suite struct SubmissionHistoryTests {
    private var cluster = Cluster()
    private var last: UInt64 = 0

    private mutating func submit(
        at seconds: Double, cpus: Int = 1, _ change: (inout JobSpecification) -> Void = { _ in }
    ) throws {
        last += 1
        var specification = JobSpecification(
            name: "train-\(last)", command: ["true"], workingDirectory: "/", queue: "batch")
        specification.resources = ResourceRequest(cpus: cpus)
        change(&specification)
        let time = Timestamp.epoch + .seconds(seconds)
        let submission = Submission(
            id: Job.ID(last), specification: specification, user: "ada", submitTime: time, key: "\(last)",
            contentDigest: "")
        try cluster.apply(.submitted(submission), at: time)
    }

    @Test mutating func `jobs that are alike and come together are one`() throws {
        for number in 0..<600 { try submit(at: Double(number)) }
        try submit(at: 700)
        try submit(at: 701, cpus: 2)
        try submit(at: 702, cpus: 2) { $0.array = ArraySpecification(indices: IndexRanges(0..<100), parallel: 10) }
        #expect(cluster.submissions.entries.map(\.tasks) == [600, 1, 11])
        #expect(cluster.submissions.start(at: .epoch + .seconds(702)) == .epoch + .seconds(702 - 3600))
        #expect(cluster.submissions.start(at: .epoch + .seconds(9000)) == .epoch)
    }

    @Test mutating func `the last five hundred are kept, and the time is told since when they are all`() throws {
        for number in 0..<2000 { try submit(at: Double(number), cpus: 1 + number % 2) }
        #expect(cluster.submissions.entries.count == SubmissionHistory.kept)
        let now = Timestamp.epoch + .seconds(2000)
        #expect(cluster.submissions.start(at: now) == now - .seconds(SubmissionHistory.kept))
    }
}
