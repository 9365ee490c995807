import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

struct WhatIfTests {
    /// One node is full for an hour; two jobs wait, one after the other.
    private func queue() throws -> (room: ControlRoom, waiting: [Job.ID]) {
        var room = ControlRoom(.machine("a", cores: 4))
        _ = try room.submit(.cores(4)) { $0.expectedTime = .seconds(3600) }
        _ = room.round()
        let waiting = try (0..<2).map { _ in try room.submit(.cores(4)) { $0.expectedTime = .seconds(600) } }
        _ = room.round()
        return (room, waiting)
    }

    private func ask(_ room: ControlRoom, _ suppositions: Supposition...) throws(Refusal) -> WhatIf {
        try room.dispatcher.whatIf(suppositions, by: "ada", history: room.history, at: room.now)
    }

    @Test func `one node more starts a waiting job now, and who else gains is told`() throws {
        let (room, waiting) = try queue()
        let nodes = try #require(room.cluster.nodes["a"]).registration.copies(1, apartFrom: room.cluster.nodes.keys)

        let answer = try ask(room, .joined(nodes))

        #expect(answer.jobs.map(\.job) == waiting)
        #expect(answer.jobs.map(\.before) == [room.now + .seconds(3600), room.now + .seconds(4200)])
        #expect(answer.jobs.map(\.after) == [room.now, room.now + .seconds(600)])
        #expect(answer.jobs.map(\.direction) == [.earlier, .earlier])
        #expect(answer.jobs[1].difference == .seconds(-3600))
        #expect(room.cluster.nodes.count == 1, "nothing is changed")
    }

    @Test func `a job more is new, and those behind it wait longer`() throws {
        let (room, waiting) = try queue()
        let urgent = Dispatcher.RequestedJob(.plain(.cores(4), queue: "urgent") { $0.expectedTime = .seconds(900) })

        let answer = try ask(room, .submitted([urgent]))

        let changes = Dictionary(uniqueKeysWithValues: answer.jobs.map { ($0.job, $0) })
        #expect(answer.jobs.map(\.isNew) == [false, false, true])
        for job in waiting { #expect(changes[job]?.direction == .later) }
        #expect(changes[waiting[0]]?.difference == .seconds(900))
        #expect(room.cluster.jobs.count == 3)
    }

    @Test func `a node less: what ran there waits again, and without another node nobody starts`() throws {
        let (room, waiting) = try queue()
        let answer = try ask(room, .lost("a"))
        #expect(answer.jobs.count == 3)
        for job in waiting { #expect(answer.jobs.first { $0.job == job }?.direction == .later) }
        #expect(throws: Refusal.self) { try ask(room, .lost("b")) }
    }

    @Test func `a higher tier for its queue would stop others`() throws {
        var room = ControlRoom(
            .machine("a", cores: 4),
            queues: [Queue(name: "batch", tier: 1), Queue(name: "spot", tier: 1, isPreemptible: true)])
        let spot = try room.submit(.cores(4), queue: "spot") { $0.expectedTime = .seconds(3600) }
        _ = room.round()
        let job = try room.submit(.cores(4)) { $0.expectedTime = .seconds(600) }
        _ = room.round()
        var configuration = room.cluster.configuration
        configuration.queues[0].tier = 5

        let answer = try ask(room, .configured(configuration))

        #expect(answer.preempted.map(\.task.job) == [spot])
        #expect(answer.jobs.first { $0.job == job }?.direction == .earlier)
    }
}
