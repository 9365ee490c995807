import BerthModel
import Foundation
import Testing

/// What journals of the first version hold, word for word: they must be readable for ever.
@Suite struct OldJournalTests {
    private func read<Value: Decodable>(_ json: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(json.utf8))
    }

    @Test func `a configuration without planning has the usual planning`() throws {
        let event: ClusterEvent = try read(
            """
            {"configured": {"_0": {"defaultQueue": "q", "queues": [
                {"name": "q", "tier": 5, "isPreemptible": true, "maximumRunning": 7,
                 "maximumTime": 60000000, "defaultTime": null, "maximumGrace": 600000000}
            ]}}}
            """)

        let queue = Queue(name: "q", tier: 5, isPreemptible: true, maximumRunning: 7, maximumTime: .seconds(60))
        let configuration = ClusterConfiguration(queues: [queue], defaultQueue: "q")
        #expect(event == .configured(configuration))
        #expect(configuration.planning == PlanningConfiguration())
        #expect(queue.minimumRunTime == .zero && queue.maximumRunningPerProject == nil)
    }

    @Test func `an attempt without its planner's expectation has none, and borrowed nothing`() throws {
        let attempt: Attempt = try read(
            """
            {"id": "42.7@2", "fence": 9, "plannedTime": 1000000, "allocation": {
                "node": "n1", "cpus": "0-1", "coreCount": 2, "memory": [{"numaNode": 0, "bytes": 1024}],
                "devices": [], "shape": 0, "isExclusive": false}}
            """)

        #expect(attempt.id.description == "42.7@2" && attempt.fence == 9)
        #expect(attempt.expectedTime == nil && !attempt.isBorrowing)
    }

    @Test func `a decision of the first policy is read without what only it knew`() throws {
        let decision: Decision = try read(
            """
            {"policy": "first-fit-in-order/1", "saw": "cafe", "jobsAhead": 3, "nodesConsidered": 2,
             "candidates": [{"node": "n1", "shape": 0, "score": {
                "unaskedDevices": 1, "distantDevices": 2, "numaNodes": 1, "coresLeftNear": 3, "coresLeft": 7,
                "memoryLeftMiB": 512}}],
             "rejected": {"cores": 1}}
            """)

        #expect(decision.priority == nil && decision.jobsAhead == 3)
        #expect(
            decision.chosen?.score
                == PlacementScore(fragmentation: 0, unaskedDevices: 1, coresLeft: 7, memoryLeftMiB: 512))
    }

    @Test func `what is new is written and read back`() throws {
        var planning = PlanningConfiguration()
        planning.priority.wait = 0.5
        planning.fairShare = .init(halfLife: .seconds(60), projectShares: ["vision": 2, "llm": 1])
        planning.backfill.depth = 9
        planning.quotas = [.init(project: "vision", cores: 64, gpus: 8, lends: false, borrows: true)]
        planning.reservations = [
            .init(
                name: "power", nodes: try Expression("node.label.zone == 'b'"), start: .epoch,
                end: .epoch + .seconds(60))
        ]
        let queue = Queue(name: "q", tier: 0, maximumRunningPerProject: 4, minimumRunTime: .seconds(30))
        let configuration = ClusterConfiguration(queues: [queue], defaultQueue: "q", planning: planning)
        let encoded = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(ClusterConfiguration.self, from: encoded) == configuration)
    }
}
