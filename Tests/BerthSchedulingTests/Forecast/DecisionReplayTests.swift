import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

struct DecisionReplayTests {
    private struct Past {
        var attempt: Attempt
        var decision: Decision
        var round: [ClusterEvent]
        var before: Cluster
    }

    /// Something happens, twenty rounds long.
    ///
    /// - Returns: every start with its round and the cluster before that.
    private func lived(seed: UInt64) throws -> [Past] {
        var random = SeededGenerator(seed: seed)
        var room = ControlRoom(
            .machine("a", cores: 4, devices: [.gpu(0), .gpu(1)]), .machine("b", numaNodes: 2, cores: 2),
            .machine("c", cores: 4),
            queues: [
                Queue(name: "urgent", tier: 9), Queue(name: "batch", tier: 5),
                Queue(name: "spot", tier: 1, isPreemptible: true),
            ])
        var past: [Past] = []
        for _ in 0..<20 {
            room.wait(.milliseconds(Int64.random(in: 1...600_000, using: &random)))
            for node in ["a", "b", "c"] as [NodeName] { room.tell(.heartbeat, from: node) }
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                var request = ResourceRequest(cpus: Int.random(in: 1...4, using: &random))
                if Int.random(in: 0..<4, using: &random) == 0 { request.gpus = GPURequest(thousandths: 1000) }
                let queue = ["urgent", "batch", "batch", "spot"].randomElement(using: &random) ?? "batch"
                let seconds = Int64.random(in: 60...3600, using: &random)
                let first = try room.submit(request, queue: queue) { $0.expectedTime = .seconds(seconds) }
                guard Int.random(in: 0..<4, using: &random) == 0 else { continue }
                _ = try room.submit(.cores(1)) { $0.dependencies = [Dependency(job: first, condition: .started)] }
            }
            let live = room.cluster.nodes.values.flatMap(\.given.keys).sorted()
            for id in live where Int.random(in: 0..<3, using: &random) == 0 {
                guard let attempt = room.cluster.state(of: id)?.attempt else { continue }
                let end = AttemptEnd(cause: .exit, exitCode: 0, endTime: room.now)
                room.tell(.update(room.status(attempt, .ended(end, launch: .plain))), from: attempt.allocation.node)
            }
            let before = room.cluster
            let round = room.round().events.filter {
                switch $0 {
                case .started, .stopping: true
                default: false
                }
            }
            for case .started(let attempt, let decision) in round {
                past.append(Past(attempt: attempt, decision: decision, round: round, before: before))
            }
        }
        return past
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `every start of twenty random rounds is decided the same again`(seed: UInt64) throws {
        let past = try lived(seed: seed)
        #expect(!past.isEmpty)
        for start in past {
            let verdict = DecisionReplay.replayed(start.attempt, start.decision, round: start.round, in: start.before)
            guard verdict == .identical else {
                Issue.record("seed \(seed), \(start.attempt.id): \(verdict)")
                return
            }
        }
    }

    @Test func `a decision that was tampered with is found out`() throws {
        let start = try #require(try lived(seed: 3).last)
        var decision = start.decision
        decision.saw = "0000000000000000"
        let verdict = DecisionReplay.replayed(start.attempt, decision, round: start.round, in: start.before)
        #expect(verdict == .differs(field: "saw", recorded: decision.saw, replayed: start.decision.saw))

        var allocation = start.attempt.allocation
        allocation.node = "elsewhere"
        let moved = Attempt(
            id: start.attempt.id, fence: start.attempt.fence, allocation: allocation,
            plannedTime: start.attempt.plannedTime, isBorrowing: start.attempt.isBorrowing,
            expectedTime: start.attempt.expectedTime)
        let other = DecisionReplay.replayed(moved, start.decision, round: start.round, in: start.before)
        #expect(
            other == .differs(field: "node", recorded: "elsewhere", replayed: start.attempt.allocation.node.text))
    }

    @Test func `a decision by other rules is not compared`() throws {
        let start = try #require(try lived(seed: 4).first)
        var decision = start.decision
        decision.policy = "first"
        let verdict = DecisionReplay.replayed(start.attempt, decision, round: start.round, in: start.before)
        #expect(verdict == .differs(field: "policy", recorded: "first", replayed: planningPolicy))
    }
}
