import BerthWorkloads
import Foundation
import Testing

struct WorkflowInstanceTests {
    /// A workflow of `a` before `b`, with parts of it replaced.
    private func workflow(_ old: String = "", by new: String = "") throws(TraceError) -> WorkflowInstance {
        let json = """
            {"schemaVersion": "1.5", "workflow": {
              "specification": {"tasks": [
                {"id": "a", "parents": [], "children": ["b"]}, {"id": "b", "parents": ["a"], "children": []}]},
              "execution": {"makespanInSeconds": 30,
                "tasks": [{"id": "a", "runtimeInSeconds": 4.5}, {"id": "b", "runtimeInSeconds": 5, "coreCount": 2.0}],
                "machines": [{"nodeName": "worker", "cpu": {"coreCount": 2}}]}}}
            """
        return try WorkflowInstance(json: Array((old.isEmpty ? json : json.replacing(old, with: new)).utf8))
    }

    @Test(arguments: WorkflowPolicy.allCases)
    func `a chain takes the sum of its times`(policy: WorkflowPolicy) throws {
        let run = try workflow().simulate(policy)
        #expect(run.value("makespanSeconds") == 9.5)
        #expect(run.value("lowerBoundSeconds") == 9.5)
        #expect(run.value("recordedMakespanSeconds") == 30)
        let schedule = try #require(run.schedule)
        #expect(schedule.capacity == 2)
        #expect(schedule.entries.map(\.job) == ["a", "b"])
        #expect(schedule.entries.map(\.width) == [1, 2])
    }

    @Test(arguments: [
        (#""schemaVersion": "1.5""#, #""schemaVersion": "1.4""#), (#""parents": []"#, #""parents": ["b"]"#),
        (#""parents": ["a"]"#, #""parents": ["c"]"#), ("4.5", "-4.5"), ("4.5", "1e300"), ("2.0", "0"), ("2.0", "1e30"),
        (#""coreCount": 2}"#, #""coreCount": -2}"#), (#"{"id": "b", "parents"#, #"{"id": "a", "parents"#),
        (#"{"id": "a", "runtime"#, #"{"id": "z", "runtime"#), (#""workflow""#, #""flow""#),
    ])
    func `what cannot run is refused`(old: String, new: String) {
        #expect(throws: TraceError.self) { try workflow(old, by: new) }
    }

    @Test func `machines that are too small are refused`() throws {
        let instance = try workflow()
        #expect(throws: TraceError.self) { try instance.simulate(.berth, machines: [1, 1]) }
        #expect(throws: TraceError.self) { try instance.simulate(.berth, machines: [0]) }
        #expect(throws: TraceError.self) { try instance.simulate(.berth, machines: []) }
    }
}
