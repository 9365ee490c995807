import Foundation
import Testing

/// The jobs of `config/examples`, as their page says to run them.
@Suite(.serialized, .enabled(if: Tools.examplesPython != nil, "BERTH_EXAMPLES_PYTHON names no Python"))
struct ExampleTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        let place = URL(fileURLWithPath: Tools.examplesPython ?? "").deletingLastPathComponent().path
        berth.environment["PATH"] = place + ":" + (berth.environment["PATH"] ?? "")
        try FileManager.default.copyItem(
            atPath: Installation.root + "/config/examples", toPath: berth.work + "/examples")
        try berth.up("--agent-config", Installation.root + "/config/agent.yaml")
    }

    private func submit(_ file: String, _ options: String...) throws -> String {
        try berth.submit(["--workdir", "examples"] + options + ["examples/" + file])
    }

    private func result(_ path: String) throws -> JSON {
        try JSON(parsing: berth.bytes("examples/" + path) ?? Data())
    }

    @Test func `training that was interrupted ends with the same weights`() throws {
        let undisturbed = try submit("train.yaml", "--env", "OUTPUT_DIR=whole")
        #expect(try berth.end(of: undisturbed)["state"].text == "succeeded")
        let job = try submit("train.yaml")
        try eventually("it has a checkpoint") { try berth.show(job)["attempts"][0]["checkpoint"].text != nil }

        try berth.successfully("requeue", job)

        let record = try berth.end(of: job)
        #expect(record["state"].text == "succeeded")
        #expect(record["attempts"].elements.map { $0["state"].text } == ["preempted", "succeeded"])
        #expect(try berth.logs(job).contains("resumed from"))
        let (whole, resumed) = (try result("whole/train/metrics.json"), try result("out/train/metrics.json"))
        #expect(whole["weightsSHA256"].text?.count == 64)
        #expect(whole["weightsSHA256"].text == resumed["weightsSHA256"].text)
        #expect(record["attempts"][1]["outputs"].elements.allSatisfy { $0["sha256"].text?.count == 64 })
        #expect(record["attempts"][1]["progress"].number == 1)
    }

    @Test func `the simulation agrees with its exact solutions`() throws {
        let job = try submit("simulate.yaml")

        let record = try berth.end(of: job)

        #expect(record["state"].text == "succeeded")
        #expect(record["attempts"][0]["granted"]["devices"][0]["kind"].text == "qsim", "\(record)")
        #expect(try result("out/simulate/ising.json")["qubits"].integer == 20)
    }

    @Test func `a hundred tasks between two jobs are put together`() throws {
        let model = try submit("infer-model.yaml")
        let scores = try submit("infer.yaml", "--after", model)
        let collect = try submit("infer-collect.yaml", "--after", scores)

        try berth(["wait", model, scores, collect], within: 120)

        #expect(try berth.show(scores)["tasks"]["succeeded"].integer == 100)
        #expect(try berth.show(collect)["state"].text == "succeeded")
        #expect(try result("out/infer/summary.json")["shards"].integer == 100)
    }
}
