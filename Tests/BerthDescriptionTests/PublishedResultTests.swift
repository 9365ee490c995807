import BerthDescription
import BerthModel
import Testing

struct PublishedResultTests {
    @Test func `results that are published are written down again as they were read`() throws {
        let jobs = try Written.jobs("command: [run]\npublish: [model.pt, plots/loss.png]\n")
        #expect(jobs[0].specification.published == ["model.pt", "plots/loss.png"])
        #expect(jobs[0].json["publish"] as? [String] == ["model.pt", "plots/loss.png"])
        #expect(try Written.jobWith("outputs: [model.pt]").published == nil)
    }

    @Test func `the option adds to what the description names`() throws {
        let start = try Written.jobWith("publish: [model.pt]")
        #expect(
            try Written.options({ $0.published = ["log"] }, on: start).specification.published == ["model.pt", "log"])
    }

    @Test(arguments: ["../model.pt", "/tmp/model.pt", "", "a//b", "plots/"])
    func `a place outside of the working directory is refused`(path: String) {
        #expect(Written.refusalWith("publish: [\"\(path)\"]")?.contains("no path within the working directory") == true)
        #expect(throws: DescriptionError.self) { try Written.options { $0.published = [path] } }
    }
}
