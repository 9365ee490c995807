import BerthModel
import BerthScheduling
import Testing

@Suite struct GangTests {
    private let machines = ["a", "b", "c"].map { NodeRegistration.machine(NodeName($0), cores: 2) }
    private let pair = ResourceRequest(cpus: 2, nodes: 2)

    private func room() -> ControlRoom { ControlRoom(machines[0], machines[1], machines[2]) }

    /// A gang of two that runs on both of its nodes.
    private func running(_ room: inout ControlRoom, _ change: (inout JobSpecification) -> Void = { _ in }) throws
        -> Attempt
    {
        _ = try room.submit(pair, change)
        _ = room.round()
        let attempt = try #require(room.attempt("1"))
        for node in attempt.allocations.map(\.node) {
            room.tell(.update(room.status(attempt, .running(.plain))), from: node)
        }
        _ = room.round()
        return attempt
    }

    private func end(_ end: AttemptEnd, of attempt: Attempt, rank: Int, in room: inout ControlRoom) {
        let node = attempt.allocations[rank].node
        room.tell(.update(room.status(attempt, .ended(end, launch: .plain))), from: node)
    }

    @Test func `all members are ordered at once, each on a node of its own, and know where they meet`() throws {
        var room = room()
        _ = try room.submit(pair)
        let started = room.round()
        let attempt = try #require(room.attempt("1"))
        #expect(started.events.map(\.name) == ["submitted", "started"])
        #expect(started.told.map(\.node) == attempt.allocations.map(\.node))
        #expect(Set(started.told.map(\.node)).count == 2)
        let orders = started.told.compactMap { outgoing -> AttemptOrder? in
            if case .start(let order) = outgoing.message { order } else { nil }
        }
        #expect(orders.count == 2)
        #expect(orders.first?.rendezvous?.addresses == attempt.allocations.map(\.node.text))
        #expect(orders.map { $0.attempt.rank(on: attempt.allocations[1].node) } == [1, 1])
    }

    @Test func `it waits while one of its nodes is missing, and holds none meanwhile`() throws {
        var room = room()
        _ = try room.running(ResourceRequest(cpus: 2), from: "a")
        _ = try room.running(ResourceRequest(cpus: 2), from: "b")
        let gang = try room.submit(pair)
        let round = room.round()
        #expect(round.events.map(\.name) == ["submitted"])
        #expect(room.cluster.jobs[gang]?.active == 0)
        #expect(room.cluster.nodes["c"]?.given.isEmpty == true)
    }

    @Test func `it runs when its last member does`() throws {
        var room = room()
        let job = try room.submit(pair)
        _ = room.round()
        let attempt = try #require(room.attempt("1"))
        room.tell(.update(room.status(attempt, .running(.plain))), from: attempt.allocations[1].node)
        #expect(room.cluster.jobs[job]?.state == .starting)
        room.tell(.update(room.status(attempt, .running(.plain))), from: attempt.allocations[0].node)
        #expect(room.cluster.jobs[job]?.state == .running)
        // Told again, it is no news.
        let before = room.round().events.map(\.name)
        #expect(before == ["launched", "launched"])
        room.tell(.update(room.status(attempt, .running(.plain))), from: attempt.allocations[0].node)
        #expect(room.round().events.isEmpty)
    }

    @Test func `it succeeds when all members have, and each node is free when its own has`() throws {
        var room = room()
        let attempt = try running(&room)
        end(.exit(0), of: attempt, rank: 1, in: &room)
        let first = room.round()
        #expect(first.events.map(\.name) == ["memberEnded"])
        #expect(first.told.map(\.message) == [.acknowledge(attempt: attempt.id, fence: attempt.fence)])
        #expect(room.cluster.nodes[attempt.allocations[1].node]?.given.isEmpty == true)
        #expect(room.cluster.nodes[attempt.allocations[0].node]?.given.isEmpty == false)
        end(.exit(0), of: attempt, rank: 0, in: &room)
        let last = room.round()
        #expect(last.events.map(\.name) == ["memberEnded", "attemptEnded"])
        #expect(room.cluster.jobs.isEmpty)
    }

    @Test func `one member's failure ends the others at once, and its end is the gang's`() throws {
        var room = room()
        let attempt = try running(&room)
        end(.exit(3), of: attempt, rank: 1, in: &room)
        let round = room.round()
        #expect(round.events.map(\.name) == ["memberEnded", "stopping"])
        let stop = ControllerMessage.stop(attempt: attempt.id, fence: attempt.fence, .memberFailed)
        #expect(round.told.filter { $0.message == stop }.map(\.node) == [attempt.allocations[0].node])
        end(.by(.stopped), of: attempt, rank: 0, in: &room)
        for case .attemptEnded(_, let end, then: .ended(let outcome)) in room.round().events {
            #expect(end.exitCode == 3)
            #expect(outcome.state == .failed)
            #expect(outcome.message?.contains("Rank 1") == true)
            return
        }
        Issue.record("the gang ends")
    }

    @Test func `what is left to the others when one has failed is half a second`() {
        var specification = JobSpecification(name: "j", command: ["j"], workingDirectory: "/", queue: "batch")
        specification.grace = .seconds(60)
        let attempt = Attempt(
            id: AttemptID(task: TaskID(job: Job.ID(1)), number: 1), fence: 1,
            allocation: Allocation(node: "a", cpus: [0], coreCount: 1), plannedTime: .epoch)
        let order = AttemptOrder(
            attempt: attempt, specification: specification, user: "ada", maximumGrace: .seconds(600))
        #expect(order.grace(for: .memberFailed) == .milliseconds(500))
        #expect(order.grace(for: .preempted) == .seconds(60))
        #expect(order.grace(for: .stale) == .zero)
    }

    @Test func `a gang whose node is lost waits again, and a retry is not used up`() throws {
        var room = room()
        let attempt = try running(&room)
        let lost = attempt.allocations[0].node
        let other = attempt.allocations[1].node
        room.wait(.seconds(59))
        for node in ["a", "b", "c"].map({ NodeName($0) }) where node != lost { room.tell(.heartbeat, from: node) }
        room.wait(.seconds(2))
        let round = room.round()
        #expect(round.events.map(\.name) == ["nodeLost", "memberEnded", "stopping"])
        end(.by(.stopped), of: attempt, rank: 1, in: &room)
        var dispositions = room.round().events.compactMap { event -> ClusterEvent.Disposition? in
            if case .attemptEnded(_, _, then: let disposition) = event { disposition } else { nil }
        }
        #expect(dispositions.popLast() == .waits(notBefore: nil, countsAsRetry: false))
        // It starts again on the two that are left, and what lives on the lost one is told to end when it is back.
        #expect(room.attempt("1")?.allocations.map(\.node).contains(other) == true)
        room.join(
            machines.first { $0.name == lost } ?? machines[0], [room.status(attempt, .running(.plain))], session: 2)
        let told = room.round().told.filter { $0.node == lost }.map(\.message)
        #expect(told == [.stop(attempt: attempt.id, fence: attempt.fence, .stale)])
    }

    @Test func `a lost member's node that is back before the others have ended is told to end it`() throws {
        var room = room()
        let attempt = try running(&room)
        let lost = attempt.allocations[0].node
        room.wait(.seconds(59))
        for node in ["a", "b", "c"].map({ NodeName($0) }) where node != lost { room.tell(.heartbeat, from: node) }
        room.wait(.seconds(2))
        _ = room.round()
        room.join(
            machines.first { $0.name == lost } ?? machines[0], [room.status(attempt, .running(.plain))], session: 2)
        _ = room.round()
        room.tell(.update(room.status(attempt, .ended(.by(.stopped), launch: .plain))), from: lost, session: 2)
        #expect(room.round().events.map(\.name) == ["staleAttemptEnded"])
        #expect(room.cluster.nodes[lost]?.given.isEmpty == true)
        #expect(room.attempt("1")?.id == attempt.id)
    }

    @Test func `an agent that comes back with nothing is sent an order only if its member never started`() throws {
        var room = room()
        let job = try room.submit(pair)
        _ = room.round()
        let attempt = try #require(room.attempt("1"))
        let (first, second) = (attempt.allocations[0].node, attempt.allocations[1].node)
        room.tell(.update(room.status(attempt, .running(.plain))), from: first)
        room.join(machines.first { $0.name == second } ?? machines[0], session: 2)
        #expect(
            room.round().told.filter { if case .start = $0.message { true } else { false } }.map(\.node) == [second])
        room.join(machines.first { $0.name == first } ?? machines[0], session: 2)
        let round = room.round()
        #expect(round.events.map(\.name) == ["memberEnded", "stopping"])
        #expect(room.cluster.jobs[job]?.state == .stopping)
    }

    @Test func `a preempted gang is told on all its nodes, and one that is cancelled ends`() throws {
        var room = room()
        let attempt = try running(&room)
        try room.cancel("1")
        let told = room.round().told.map(\.node)
        #expect(told == attempt.allocations.map(\.node))
        end(.by(.stopped), of: attempt, rank: 0, in: &room)
        end(.by(.stopped), of: attempt, rank: 1, in: &room)
        #expect(room.round().events.map(\.name) == ["memberEnded", "memberEnded", "attemptEnded"])
        #expect(room.cluster.jobs.isEmpty)
    }
}
