import BerthDescription
import BerthModel
import Testing

struct StagedFileTests {
    private static let digest = String(repeating: "0a", count: 32)

    @Test func `paths wait for their content to be sent and digests are taken as they are`() throws {
        let text = """
            command: [run]
            stage: [data, {path: a/b.csv, sha256: \(Self.digest), bytes: 7}]
            """
        let job = try Written.jobs(text)[0]

        #expect(job.unsentFiles == ["data"])
        #expect(job.specification.staged == [StagedFile(path: "a/b.csv", sha256: Self.digest, bytes: 7)])
        #expect(try Written.jobWith("inputs: [a]").staged == nil)
    }

    @Test func `what was sent arrives with its digest`() throws {
        var job = try Written.jobWith("")
        job.staged = [StagedFile(path: "data/ü.csv", sha256: Self.digest, bytes: 1 << 40)]
        #expect(try Written.sent(job) == job)
    }

    @Test func `a submission without the content is refused`() throws {
        var job = JobDescription(try Written.jobWith(""))
        job.unsentFiles = ["data/a.csv"]
        #expect { try Written.sent([job]) } throws: { "\($0)".contains("data/a.csv") && "\($0)".contains("PUT") }
    }

    @Test func `the option adds to what the description names`() throws {
        var options = JobOptions()
        options.staged = ["more"]
        var description = try Written.jobs("command: [run]\nstage: [data]\n")[0]
        try options.apply(to: &description, Written.context, variables: [:])
        #expect(description.unsentFiles == ["data", "more"])
    }

    @Test(arguments: [
        "stage: [{path: ../a, sha256: \(digest), bytes: 1}]", "stage: [{path: /a, sha256: \(digest), bytes: 1}]",
        "stage: [{path: a, sha256: XYZ, bytes: 1}]", "stage: [{path: a, sha256: \(digest), bytes: -1}]",
        "stage: [{path: a, sha256: \(digest)}]", "stage: data",
        "stage: [{path: a, sha256: \(digest), bytes: 1}, {path: a, sha256: \(digest), bytes: 1}]",
    ])
    func `what is no file is refused`(lines: String) { #expect(Written.refusalWith(lines) != nil) }
}
