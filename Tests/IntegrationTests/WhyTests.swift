import Foundation
import Testing

@Suite(.serialized) struct WhyTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up("--agent-config", Installation.root + "/config/agent.yaml")
    }

    private func reasons(_ job: String) throws -> [String] {
        try berth.json("why", job)["reasons"].elements.compactMap { $0["kind"].text }
    }

    @Test func `a held job says how to release it`() throws {
        let job = try berth.submit("--hold", "--", "true")

        let why = try berth.json("why", job)

        #expect(why["state"].text == "held" && why["waitingTasks"].integer == 1)
        #expect(why["reasons"].elements.map { $0["kind"].text } == ["held"])
        #expect(try berth.successfully("why", job).output.contains("berth release"))
    }

    @Test func `a job names what it waits for`() throws {
        let first = try berth.submit("--hold", "--", "true")
        let job = try berth.submit("--after", first, "--", "true")

        #expect(try reasons(job) == ["dependency"])
        #expect(try berth.successfully("why", job).output.contains("job \(first)"))
    }

    @Test func `a job that has not begun says when it will`() throws {
        let job = try berth.submit("--begin", "2100-01-01T00:00:00Z", "--", "true")

        #expect(try reasons(job) == ["begin"])
        #expect(try berth.successfully("why", job).output.contains("2100-01-01"))
    }

    @Test func `every resource that is short is named at once, with the numbers`() throws {
        let node = try berth.json("nodes")[0]
        let cores = try #require(node["cores"].integer)
        let holder = try berth.submit(
            "--cpus", "\(cores)", "--device", "qsim:2,qubits=10", "--grace", "1s", "--", "sleep", "1000")
        try berth.reaches("running", holder)
        let job = try berth.submit("--cpus", "\(cores)", "--device", "qsim:1,qubits=10", "--", "true")

        let why = try berth.json("why", job)

        #expect(why["reasons"].elements.map { $0["kind"].text } == ["resources"])
        let short = why["reasons"][0]["nodes"][0]["short"].texts
        #expect(short.contains { $0.contains("\(cores) cores asked, 0 of \(cores) free") }, "\(short)")
        #expect(short.contains { $0.contains("1 qsim asked, 0 of 2 free") }, "\(short)")
        #expect(why["reasons"][0]["nodes"][0]["node"].text == node["name"].text)
        let text = try berth.successfully("why", job).output
        #expect(text.contains("cores asked") && text.contains("qsim asked"))
    }

    @Test func `reasons of different kinds stand together`() throws {
        let first = try berth.submit("--hold", "--", "true")
        let job = try berth.submit("--hold", "--after", first, "--begin", "2100-01-01T00:00:00Z", "--", "true")

        #expect(Set(try reasons(job)) == ["held", "dependency", "begin"])
    }

    @Test func `an array says that its own limit binds`() throws {
        let job = try berth.submit("--array", "3%1", "--threads", "--grace", "1s", "--", "sleep", "1000")
        try berth.reaches("running", job)

        let why = try berth.json("why", job)

        #expect(why["reasons"].elements.contains { $0["kind"].text == "arrayLimit" }, "\(why)")
        #expect(why["waitingTasks"].integer == 2)
    }

    @Test func `a job that has ended says why it was put where it was`() throws {
        let job = try berth.submit("--", "true")
        try berth.end(of: job)

        let why = try berth.json("why", job)

        let node = try berth.json("nodes")[0]["name"].text
        #expect(why["state"].text == "succeeded" && why["reasons"].elements.isEmpty)
        #expect(why["node"].text == node && why["decision"]["candidates"][0]["node"].text == node)
        #expect(why["decision"]["nodesConsidered"].integer == 1)
        #expect(try berth.successfully("why", job).output.contains("placed on \(node ?? "")"))
    }
}
