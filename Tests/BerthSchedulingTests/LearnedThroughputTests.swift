import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

/// What is learned of jobs whose submitters do not say how fast they go on which type of device.
struct LearnedThroughputTests {
    /// A node with a fast GPU and one with a slow one, on which the same job has run four times each.
    private struct History {
        var cluster = Cluster()
        var now = Timestamp(microseconds: 1_800_000_000_000_000)

        init(throughput: Throughput? = nil) throws {
            try cluster.apply(.configured(ClusterConfiguration()), at: now)
            for (node, model) in [("n0", "Tesla K80"), ("n1", "Tesla V100")] as [(NodeName, String)] {
                var machine = NodeRegistration.machine(node, devices: [.gpu(0, model)])
                // Nodes with the same digest are taken for the same hardware.
                machine.inventoryDigest = model
                try cluster.apply(.nodeJoined(machine), at: now)
            }
            for _ in 0..<4 {
                for _ in 0..<2 { try submit(throughput) }
                let attempts = plan(cluster, at: now).starts
                for start in attempts { try cluster.apply(.started(start.attempt, start.decision), at: now) }
                for start in attempts {
                    let launch = Launch(startTime: now, bound: Binding(cpus: CPUSet()))
                    try cluster.apply(.launched(attempt: start.attempt.id, launch), at: now)
                }
                for (node, seconds) in [("n1", 1000), ("n0", 3000)] as [(NodeName, Int64)] {
                    for start in attempts where start.attempt.allocation.node == node {
                        try end(start.attempt, at: now + .seconds(seconds))
                    }
                }
                now = now + .seconds(4000)
            }
        }

        mutating func submit(_ throughput: Throughput? = nil) throws {
            var request = ResourceRequest.gpus(1000)
            request.throughput = throughput
            let submission = Submission.plain(
                cluster.nextJob, request, queue: "batch", user: "ada", at: now
            ) { _ in }
            try cluster.apply(.submitted(submission), at: now)
        }

        private mutating func end(_ attempt: Attempt, at time: Timestamp) throws {
            let succeeded = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
            let end = AttemptEnd(cause: .exit, exitCode: 0, endTime: time)
            try cluster.apply(.attemptEnded(attempt: attempt.id, end, then: .ended(succeeded)), at: time)
        }
    }

    @Test func `after some runs on each type a job goes where its likes were over sooner`() throws {
        var history = try History()
        try history.submit()
        let start = try #require(plan(history.cluster, at: history.now).starts.first)
        #expect(start.attempt.allocation.node == "n1")
        #expect(start.decision.candidates.map(\.score.slowdown) == [0, 200])
    }

    @Test(arguments: [nil, Throughput(["V100": 3, "K80": 1])])
    func `how long it will take is learned from runs on all types, and told for each`(throughput: Throughput?) throws {
        var history = try History(throughput: throughput)
        for _ in 0..<2 { try history.submit(throughput) }
        let starts = plan(history.cluster, at: history.now).starts.map(\.attempt)
        let times = Dictionary(uniqueKeysWithValues: starts.map { ($0.allocation.node, $0.expectedTime) })
        let (fast, slow) = (try #require(times["n1"] ?? nil), try #require(times["n0"] ?? nil))
        #expect((950...3000).contains(fast.inSeconds))
        #expect(abs(slow.inSeconds / fast.inSeconds - 3) < 0.01)
    }
}
