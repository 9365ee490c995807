import BerthExecution
import BerthModel
import Foundation
import Testing

struct OutputPublicationTests {
    let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func attempt(_ number: Int, fence: UInt64, task: Int = 0, paths: [String] = ["model.pt"])
        -> OutputPublication
    {
        OutputPublication(
            attempt: AttemptID(task: TaskID(job: Job.ID(42), index: task), number: number), fence: fence,
            workingDirectory: folder.path, paths: paths)
    }

    private func write(_ text: String, by attempt: OutputPublication, to name: String = "model.pt") throws {
        try folder.write(text, to: attempt.directory.dropFirst(folder.path.count + 1) + "/" + name)
    }

    @Test func `a result appears whole, when its attempt has succeeded`() throws {
        let first = attempt(1, fence: 7)
        try first.prepare()
        try write("weights", by: first)
        #expect(!folder.exists("model.pt"))

        #expect(first.publish().isEmpty)

        #expect(try folder.text("model.pt") == "weights")
        #expect(!FileManager.default.fileExists(atPath: first.directory))
    }

    @Test func `an attempt that was given up publishes nothing once its successor has begun`() throws {
        let (stale, current) = (attempt(1, fence: 7), attempt(2, fence: 9))
        try stale.prepare()
        try write("stale", by: stale)
        try current.prepare()

        let problems = stale.publish()

        #expect(problems.count == 1 && problems[0].contains("fence 9, this one's is 7"), "\(problems)")
        #expect(!folder.exists("model.pt"))
        try write("current", by: current)
        #expect(current.publish().isEmpty)
        #expect(stale.publish().count == 1)
        #expect(try folder.text("model.pt") == "current")
    }

    @Test func `an attempt with an older fence than its place does not start`() throws {
        try attempt(2, fence: 9).prepare()
        #expect(throws: ExecutionProblem.self) { try attempt(1, fence: 7).prepare() }
    }

    @Test func `tasks that publish to one place do not shut each other out`() throws {
        let (one, other) = (attempt(1, fence: 7, task: 1), attempt(1, fence: 8, task: 2))
        for each in [one, other] {
            try each.prepare()
            try write("\(each.fence)", by: each)
        }
        #expect(other.publish().isEmpty)
        #expect(one.publish().isEmpty)
        #expect(try folder.text("model.pt") == "7")
    }

    @Test func `an agent that died half-way publishes the rest, and says nothing of what is done`() throws {
        let first = attempt(1, fence: 7, paths: ["a", "b"])
        try first.prepare()
        try write("a", by: first, to: "a")
        #expect(first.publish().count == 1)  // There is no b yet.
        try write("b", by: first, to: "b")
        #expect(first.publish().isEmpty)
        #expect(first.publish().isEmpty)
        #expect(try folder.text("a") + folder.text("b") == "ab")
    }

    @Test func `a directory takes the place of an earlier one`() throws {
        try folder.write("old", to: "plots/old")
        let first = attempt(1, fence: 7, paths: ["plots"])
        try first.prepare()
        try write("new", by: first, to: "plots/new")
        #expect(first.publish().isEmpty)
        #expect(folder.exists("plots/new") && !folder.exists("plots/old"))
    }

    @Test func `a result that was not written is told`() throws {
        let first = attempt(1, fence: 7)
        try first.prepare()
        #expect(first.publish() == ["model.pt is not published: the job has not written it to BERTH_OUTPUT_DIR."])
    }

    @Test(arguments: ["../model.pt", "/tmp/model.pt", ""])
    func `a place outside of the working directory is refused`(path: String) {
        #expect(throws: ExecutionProblem.self) { try attempt(1, fence: 7, paths: [path]).prepare() }
    }

    @Test func `what an attempt wrote that did not succeed is removed`() throws {
        let first = attempt(1, fence: 7)
        try first.prepare()
        try write("half", by: first)
        first.discard()
        #expect(!FileManager.default.fileExists(atPath: first.directory))
        #expect(!folder.exists("model.pt"))
    }
}
