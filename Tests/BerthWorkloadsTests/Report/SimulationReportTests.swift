import BerthWorkloads
import Foundation
import Testing

struct SimulationReportTests {
    private static func report(_ runs: [SimulationRun]) -> SimulationReport {
        SimulationReport(format: "openb", policy: "fgd", workloads: ["pods.csv"], runs: runs)
    }

    private static func document(_ runs: [SimulationRun]) throws -> [String: Any] {
        let data = try JSONEncoder().encode(report(runs))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func `the mean and the sample's deviation are taken over the runs`() {
        let runs = [2.0, 4, 9].map { SimulationRun(label: "seed", metrics: [.init("jobs", $0)]) }
        let report = Self.report(runs)
        #expect(report.mean == [.init("jobs", 5)])
        #expect(report.standardDeviation == [.init("jobs", 13.0.squareRoot())])
    }

    @Test func `one run has no spread`() {
        let report = Self.report([SimulationRun(label: "all", metrics: [.init("jobs", 7)])])
        #expect(report.standardDeviation == [.init("jobs", 0)])
    }

    @Test func `a figure that a run lacks is averaged over the others, and keys are told apart`() {
        let report = Self.report([
            SimulationRun(label: "1", metrics: [.init("idle", key: "100", 4), .init("idle", key: "130", 1)]),
            SimulationRun(label: "2", metrics: [.init("idle", key: "100", 6)]),
        ])
        #expect(report.mean == [.init("idle", key: "100", 5), .init("idle", key: "130", 1)])
    }

    @Test func `a small spread beside a large mean is not lost`() {
        let values = [1e9 + 1, 1e9 + 2, 1e9 + 3]
        #expect(values.standardDeviation == 1)
    }

    @Test func `the document names format, policy and workload, and holds keyed figures as objects`() throws {
        let document = try Self.document([
            SimulationRun(
                label: "seed 42",
                metrics: [.init("idle", key: "100", 4.5), .init("idle", key: "130", 1), .init("decisions", 12)])
        ])
        #expect(document["format"] as? String == "openb")
        #expect(document["policy"] as? String == "fgd")
        #expect(document["workload"] as? [String] == ["pods.csv"])
        let run = try #require((document["runs"] as? [[String: Any]])?.first)
        #expect(run["label"] as? String == "seed 42")
        #expect(run["decisions"] as? Int == 12)
        #expect(run["idle"] as? [String: Double] == ["100": 4.5, "130": 1])
        #expect((document["mean"] as? [String: Any])?["idle"] as? [String: Double] == ["100": 4.5, "130": 1])
        #expect((document["standardDeviation"] as? [String: Any])?["decisions"] as? Int == 0)
        #expect((document["mean"] as? [String: Any])?["label"] == nil)
    }

    @Test(arguments: [
        (3.0, "3"), (-2, "-2"), (2.5, "2.5"), (1_000_000, "1000000"), (.nan, "null"), (.infinity, "null"),
    ])
    func `figures are written as people expect`(value: Double, text: String) throws {
        let data = try JSONEncoder().encode(Self.report([SimulationRun(label: "a", metrics: [.init("x", value)])]))
        #expect(String(decoding: data, as: UTF8.self).contains("\"x\":\(text)"))
    }
}
