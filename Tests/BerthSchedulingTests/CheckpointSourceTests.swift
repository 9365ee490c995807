import BerthModel
import BerthScheduling
import Testing

/// Where an attempt that goes on elsewhere finds what its task has saved.
@Suite struct CheckpointSourceTests {
    /// A job that ran on one of two nodes, whose node is emptied so that it goes on on the other.
    private func orderAfterMove(_ change: (inout JobSpecification) -> Void = { _ in }) throws -> AttemptOrder {
        var room = ControlRoom(.machine("a", cores: 2), .machine("b", cores: 2))
        let job = try room.submit { change(&$0) }
        _ = room.round()
        let first = try #require(room.attempt("\(job)"))
        let node = first.allocation.node
        room.tell(.update(room.status(first, .running(.plain))), from: node)
        try room.drain(node, stopping: true)
        _ = room.round()
        let end = AttemptEnd(cause: .stopped, signal: 15, endTime: .epoch)
        room.tell(.update(room.status(first, .ended(end, launch: .plain))), from: node)
        for outgoing in room.round().told {
            if case .start(let order) = outgoing.message {
                #expect(outgoing.node != node)
                return order
            }
        }
        throw ControlRoom.NotStarted()
    }

    @Test func `an attempt on another node is told where its task ran last`() throws {
        let order = try orderAfterMove()
        #expect(order.checkpointSource != nil)
        #expect(order.checkpointSource != order.attempt.allocation.node)
    }

    @Test func `a directory that the job names is its own affair`() throws {
        #expect(try orderAfterMove { $0.checkpointDirectory = "/shared/ckpt" }.checkpointSource == nil)
    }

    @Test func `a first attempt, and one on the same node, have nothing to fetch`() throws {
        var room = ControlRoom(.machine("a", cores: 2))
        _ = try room.submit()
        guard case .start(let first)? = room.round().told.first?.message else { throw ControlRoom.NotStarted() }
        #expect(first.checkpointSource == nil)
        room.tell(.update(room.status(first.attempt, .running(.plain))))
        try room.requeue("1")
        _ = room.round()
        let end = AttemptEnd(cause: .stopped, signal: 15, endTime: .epoch)
        room.tell(.update(room.status(first.attempt, .ended(end, launch: .plain))))
        guard case .start(let second)? = room.round().told.last?.message else { throw ControlRoom.NotStarted() }
        #expect(second.attempt.id.number == 2)
        #expect(second.checkpointSource == nil)
    }

    @Test func `the tails of an attempt's output are not recorded with its end`() throws {
        var room = ControlRoom(.machine("a", cores: 2))
        let attempt = try room.running()
        var end = AttemptEnd.exit(0)
        end.outputTails = [OutputTail(isStandardError: false, offset: 0, text: "done\n")]
        room.tell(.update(room.status(attempt, .ended(end, launch: .plain))))
        for case .attemptEnded(_, let recorded, then: _) in room.round().events {
            #expect(recorded.outputTails == nil)
            return
        }
        Issue.record("its end is recorded")
    }
}
