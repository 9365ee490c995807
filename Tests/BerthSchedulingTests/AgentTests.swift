import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct AgentTests {
    private let machine = NodeRegistration.machine("a", cores: 2)
    private let other = NodeRegistration.machine("b", cores: 2)
    private var room: ControlRoom { ControlRoom(machine) }

    @Test func `a job is accepted, started, told to its node, and gone when it has ended`() throws {
        var room = room
        let job = try room.submit()
        let started = room.round()
        #expect(started.events.map(\.name) == ["submitted", "started"])
        let attempt = try #require(room.attempt("1"))
        guard case .start(let order)? = started.told.first?.message else {
            Issue.record("its node is told to start it")
            return
        }
        #expect(order.attempt == attempt)
        #expect(started.told.map(\.node) == ["a"])

        room.tell(.update(room.status(attempt, .running(.plain))))
        #expect(room.cluster.jobs[job]?.state == .running)
        room.tell(.report(attempt: attempt.id, fence: attempt.fence, Report(time: .epoch, progress: 1)))
        room.tell(.update(room.status(attempt, .ended(.exit(0), launch: .plain))))
        let ended = room.round()
        #expect(ended.events.map(\.name) == ["launched", "reported", "attemptEnded"])
        #expect(ended.told.map(\.message) == [.acknowledge(attempt: attempt.id, fence: attempt.fence)])
        #expect(room.cluster.jobs.isEmpty)
    }

    @Test func `an end that is told again is acknowledged again and changes nothing`() throws {
        var room = room
        let attempt = try room.running()
        let end = AgentMessage.update(room.status(attempt, .ended(.exit(0), launch: .plain)))
        room.tell(end)
        _ = room.round()
        room.tell(end)
        let again = room.round()
        #expect(again.events.isEmpty)
        #expect(again.told.map(\.message) == [.acknowledge(attempt: attempt.id, fence: attempt.fence)])
    }

    @Test func `an end that is the first news tells of the start as well`() throws {
        var room = room
        _ = try room.submit()
        _ = room.round()
        room.tell(.update(room.status(room.attempt("1"), .ended(.exit(0), launch: .plain))))
        let round1 = room.round()
        #expect(round1.events.map(\.name) == ["launched", "attemptEnded"])
    }

    @Test func `what the job said last is recorded before its end`() throws {
        var room = room
        let attempt = try room.running()
        var end = AttemptEnd.exit(0)
        end.reports = [Report(time: .epoch, note: "bye")]
        room.tell(.update(room.status(attempt, .ended(end, launch: .plain))))
        let events = room.round().events
        #expect(events.map(\.name) == ["reported", "attemptEnded"])
        for case .attemptEnded(_, let recorded, then: _) in events { #expect(recorded.reports.isEmpty) }
    }

    @Test func `a node is lost when it was silent for the whole time, and not before`() throws {
        var room = room
        let attempt = try room.running()
        let round2 = room.round()
        #expect(round2.next == .epoch + room.dispatcher.timing.lostAfter)
        room.wait(room.dispatcher.timing.lostAfter - .microseconds(1))
        let round3 = room.round()
        #expect(round3.events.isEmpty)
        room.wait(.microseconds(1))
        let lost = room.round()
        #expect(lost.events.map(\.name) == ["nodeLost", "attemptEnded"])
        #expect(lost.next == nil)
        #expect(room.cluster.task(attempt.id.task)?.state == .waiting(notBefore: nil))
        #expect(room.cluster.task(attempt.id.task)?.retries == 0)
    }

    @Test func `anything that a node says keeps it from being lost`() {
        var room = room
        room.wait(.seconds(59))
        room.tell(.heartbeat)
        room.wait(.seconds(59))
        let round4 = room.round()
        #expect(round4.events.isEmpty)
    }

    @Test func `a stream that was silent too long counts no more, and a new one brings the node back`() {
        var room = room
        room.wait(.seconds(60))
        let round5 = room.round()
        #expect(round5.events.map(\.name) == ["nodeLost"])
        room.tell(.heartbeat)
        room.join(machine, session: 1)
        let round6 = room.round()
        #expect(round6.events.isEmpty)
        room.join(machine, session: 2)
        let round7 = room.round()
        #expect(round7.events.map(\.name) == ["nodeReturned"])
    }

    @Test func `an attempt that was given up is killed when its node is back, and its end changes nothing`() throws {
        var room = ControlRoom(machine, other)
        let attempt = try room.running(.cores(2))
        #expect(attempt.allocation.node == "a")
        room.wait(.seconds(59))
        room.tell(.heartbeat, from: "b")
        room.wait(.seconds(1))
        let round8 = room.round()
        #expect(round8.events.map(\.name) == ["nodeLost", "attemptEnded", "started"])
        let second = try #require(room.attempt("1"))
        #expect(second.allocation.node == "b")
        #expect(second.fence > attempt.fence)

        room.join(machine, [room.status(attempt, .running(.plain))], session: 2)
        let back = room.round()
        #expect(back.events.map(\.name) == ["nodeReturned"])
        #expect(back.told.map(\.message) == [.stop(attempt: attempt.id, fence: attempt.fence, .stale)])
        #expect(room.cluster.nodes["a"]?.free.cpus.isEmpty == true, "it may still live")

        room.tell(.report(attempt: attempt.id, fence: attempt.fence, Report(time: .epoch)), session: 2)
        room.tell(.update(room.status(attempt, .ended(.exit(0), launch: .plain))), session: 2)
        let ended = room.round()
        #expect(ended.events.map(\.name) == ["staleAttemptEnded"])
        #expect(ended.told.map(\.message) == [.acknowledge(attempt: attempt.id, fence: attempt.fence)])
        #expect(room.attempt("1") == second)
        #expect(room.cluster.nodes["a"]?.free.cpus.count == 2)
    }

    @Test func `an attempt that a lost node no longer knows is cleared away`() throws {
        var room = room
        _ = try room.running(.cores(2))
        room.wait(.seconds(60))
        _ = room.round()
        room.join(machine, session: 2)
        let round9 = room.round()
        #expect(round9.events.map(\.name) == ["nodeReturned", "staleAttemptEnded", "started"])
    }

    @Test func `what comes late on an old stream changes nothing`() throws {
        var room = room
        let attempt = try room.running()
        let running = room.status(attempt, .running(.plain))
        room.join(machine, [running], session: 3)
        _ = room.round()
        room.tell(.update(room.status(attempt, .ended(.exit(1), launch: .plain))), session: 1)
        room.join(machine, [], session: 2)
        let late = room.round()
        #expect(late.events.isEmpty)
        #expect(late.told.isEmpty)
        #expect(room.attempt("1") == attempt)
    }

    @Test func `an order that did not arrive is told again`() throws {
        var room = room
        _ = try room.submit()
        let first = room.round().told.map(\.message)
        room.join(machine, session: 2)
        let again = room.round()
        #expect(again.told.map(\.message) == first)
        #expect(again.told.map(\.session) == [2])
        #expect(again.events.isEmpty)
    }

    @Test func `an order is not told again to an agent that has it`() throws {
        var room = room
        _ = try room.submit()
        _ = room.round()
        room.join(machine, [room.status(room.attempt("1"), .ordered)], session: 2)
        let round10 = room.round()
        #expect(round10.told.isEmpty)
    }

    @Test func `a running attempt that its agent has forgotten is tried again`() throws {
        var room = room
        let attempt = try room.running()
        room.join(machine, session: 2)
        let round11 = room.round()
        #expect(round11.events.map(\.name) == ["attemptEnded", "started"])
        #expect(room.attempt("1")?.id.number == attempt.id.number + 1)
    }

    @Test(arguments: [nil, .ordered, .running(.plain)] as [AttemptStatus.Phase?])
    func `a stop is told again to an agent that has not obeyed`(phase: AttemptStatus.Phase?) throws {
        var room = room
        let attempt = try room.running()
        try room.cancel("1")
        let first = room.round().told.map(\.message)
        #expect(first == [.stop(attempt: attempt.id, fence: attempt.fence, .cancelled)])
        room.join(machine, phase.map { [room.status(attempt, $0)] } ?? [], session: 2)
        let round12 = room.round()
        #expect(round12.told.map(\.message) == first)
    }

    @Test func `one node cannot speak of another's attempt`() throws {
        var room = ControlRoom(machine, other)
        let attempt = try room.running()
        room.tell(.report(attempt: attempt.id, fence: attempt.fence, Report(time: .epoch)), from: "b")
        room.tell(.update(room.status(attempt, .ended(.exit(0), launch: .plain))), from: "b")
        let round13 = room.round()
        #expect(round13.events.isEmpty)
        #expect(room.attempt("1") == attempt)
    }

    @Test func `an attempt that nobody gave is stopped as stale`() {
        var room = room
        let unknown = room.status(nil, .running(.plain))
        room.tell(.update(unknown))
        let round14 = room.round()
        #expect(round14.told.map(\.message) == [.stop(attempt: unknown.attempt, fence: unknown.fence, .stale)])
    }

    @Test func `other hardware is a node that joins anew`() throws {
        var room = room
        room.join(.machine("a", cores: 6), session: 2)
        let round15 = room.round()
        #expect(round15.events.map(\.name) == ["nodeJoined"])
        _ = try room.submit(.cores(6))
        let round16 = room.round()
        #expect(round16.events.map(\.name) == ["submitted", "started"])
    }

    @Test func `a new controller gives every node its full time`() throws {
        var room = room
        let attempt = try room.running()
        room.wait(.seconds(1000))
        room.restart()
        let round17 = room.round()
        #expect(round17.events.isEmpty)
        room.tell(.heartbeat)
        room.wait(.seconds(59))
        room.join(machine, [room.status(attempt, .running(.plain))], session: 1)
        room.wait(.seconds(2))
        let round18 = room.round()
        #expect(round18.events.isEmpty)
        #expect(room.attempt("1") == attempt)
    }

    @Test func `a job without a limit of its own gets its queue's`() throws {
        func limit(_ queue: Queue, _ asked: Duration? = nil) throws -> Duration? {
            var room = ControlRoom(machine, queues: [queue])
            _ = try room.submit(queue: queue.name) { $0.timeLimit = asked }
            guard case .start(let order)? = room.round().told.first?.message else { return nil }
            return order.specification.timeLimit
        }
        #expect(try limit(Queue(name: "q", tier: 1)) == nil)
        #expect(
            try limit(Queue(name: "q", tier: 1, maximumTime: .seconds(60), defaultTime: .seconds(9))) == .seconds(9))
        #expect(try limit(Queue(name: "q", tier: 1, maximumTime: .seconds(60))) == .seconds(60))
        #expect(try limit(Queue(name: "q", tier: 1, maximumTime: .seconds(60)), .seconds(7)) == .seconds(7))
    }
}
