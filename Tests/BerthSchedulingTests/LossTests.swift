import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct LossTests {
    private let unstartable = AttemptEnd(
        cause: .launchFailed, message: "/var is full.", endTime: .epoch, fault: .node)

    private func disposition(_ events: [ClusterEvent]) -> ClusterEvent.Disposition? {
        for case .attemptEnded(_, _, then: let disposition) in events { return disposition }
        return nil
    }

    /// Loses the job's attempts until it is held or has waited so often.
    ///
    /// - Returns: how long it waited after each.
    private func lose(_ job: Job.ID, _ times: Int, in room: inout ControlRoom) throws -> [Duration] {
        var waits: [Duration] = []
        for _ in 0..<times {
            let attempt = try #require(room.attempt("\(job)"))
            let node = attempt.allocation.node
            room.tell(.update(room.status(attempt, .ended(unstartable, launch: nil))), from: node)
            guard case .waits(let notBefore, countsAsRetry: false) = disposition(room.round().events) else {
                Issue.record("attempt \(attempt.id) did not wait without counting")
                return waits
            }
            waits.append((notBefore ?? room.now) - room.now)
            // Longer than the longest wait, and than a node is left out.
            room.wait(.seconds(700))
            for node in room.cluster.nodes.keys { room.tell(.heartbeat, from: node) }
            _ = room.round()
        }
        return waits
    }

    @Test func `losses in a row wait longer and longer, at random, and use no retry`() throws {
        var room = ControlRoom(.machine("a", cores: 1))
        let job = try room.submit { $0.retry = RetryPolicy(attempts: 0) }
        _ = room.round()
        let waits = try lose(job, 9, in: &room)
        #expect(waits.first == .zero)
        for (retry, wait) in waits.dropFirst().enumerated() {
            #expect(wait <= .seconds(Int64(5) << retry) && wait <= .seconds(600))
        }
        #expect(waits.max().map { $0 > .seconds(30) } == true)
        #expect(room.cluster.task(TaskID(job: job))?.retries == 0)
    }

    @Test func `after ten in a row the job is held and says why, and a release starts anew`() throws {
        var room = ControlRoom(.machine("a", cores: 1))
        let job = try room.submit()
        _ = room.round()
        _ = try lose(job, 10, in: &room)
        let held = try #require(room.cluster.jobs[job])
        #expect(held.isHeld)
        let reason = try #require(room.waitReasons(for: held).first)
        #expect(
            reason.description
                == "Held by Berth: 10 attempts of 1 in a row came to nothing, the last one 1@10: could not be started: "
                + "/var is full.")

        try room.release(job)
        _ = room.round()
        #expect(room.attempt("1")?.id.number == 11)
        #expect(try lose(job, 1, in: &room) == [.zero])
        #expect(room.cluster.jobs[job]?.isHeld == false)
    }

    @Test func `an attempt that ran for a minute came to something`() throws {
        var room = ControlRoom(.machine("a", cores: 1), failures: FailureLimits(losses: 2))
        let job = try room.submit()
        _ = room.round()
        for number in 1...5 {
            let attempt = try #require(room.attempt("\(job)"), "attempt \(number) starts")
            var launch = Launch.plain
            launch.startTime = room.now
            room.tell(.update(room.status(attempt, .running(launch))))
            room.wait(.seconds(61))
            room.tell(.heartbeat)
            let end = AttemptEnd(cause: .nodeLost, endTime: room.now)
            room.tell(.update(room.status(attempt, .ended(end, launch: launch))))
            _ = room.round()
        }
        #expect(room.cluster.jobs[job]?.isHeld == false)
        #expect(room.cluster.task(TaskID(job: job))?.losses == 0)
    }

    @Test func `what was lost with a silent node ran until that was last heard of`() throws {
        var room = ControlRoom(.machine("a", cores: 1))
        let attempt = try room.running()
        room.wait(.seconds(3600))
        _ = room.round()
        #expect(room.cluster.nodes["a"]?.isUp == false)
        #expect(room.cluster.task(attempt.id.task)?.losses == 1)
    }

    @Test func `a job that kills its node again and again is held, although the node says so itself`() throws {
        var room = ControlRoom(.machine("a", cores: 1), failures: FailureLimits(losses: 3))
        let job = try room.submit()
        for life in 1...3 as ClosedRange<UInt64> {
            _ = room.round()
            let attempt = try #require(room.attempt("\(job)"))
            var launch = Launch.plain
            launch.startTime = room.now
            room.tell(.update(room.status(attempt, .running(launch))), session: life)
            // It boots for longer than a minute, and for less than it takes to be lost.
            room.wait(.seconds(70))
            let end = AttemptEnd(
                cause: .nodeLost, message: "The node was started anew.", endTime: room.now + .seconds(30))
            room.join(
                .machine("a", cores: 1), [room.status(attempt, .ended(end, launch: launch))], session: life + 1)
            _ = room.round()
            room.wait(.seconds(50))
            room.tell(.heartbeat, session: life + 1)
        }
        #expect(room.cluster.jobs[job]?.isHeld == true)
    }

    @Test func `a job leaves out a node that failed to start it, while others can run it`() throws {
        var room = ControlRoom(.machine("a", cores: 1), .machine("b", cores: 1))
        let first = try room.submit(.cores(1))
        _ = room.round()
        let attempt = try #require(room.attempt("\(first)"))
        let node = attempt.allocation.node
        let other: NodeName = node == "a" ? "b" : "a"
        let blocker = try room.submit(.cores(1))
        _ = room.round()
        room.tell(.update(room.status(attempt, .ended(unstartable, launch: nil))), from: node)
        _ = room.round()

        #expect(room.attempt("\(blocker)")?.allocation.node == other)
        #expect(room.attempt("\(first)") == nil)
        let job = try #require(room.cluster.jobs[first])
        let reasons = room.waitReasons(for: job)
        #expect(reasons.contains(.avoids(node: node, until: room.now + FailureLimits.avoidance)))

        // The other one is taken for longer than it leaves the first one out.
        for _ in 1...6 {
            room.wait(.seconds(50))
            for name in ["a", "b"] as [NodeName] { room.tell(.heartbeat, from: name) }
            _ = room.round()
        }
        #expect(room.attempt("\(first)")?.allocation.node == node)
    }

    @Test func `a job goes to another node at once if that is free, and back to the only one there is`() throws {
        var both = ControlRoom(.machine("a", cores: 1), .machine("b", cores: 1))
        let job = try both.submit()
        _ = both.round()
        let attempt = try #require(both.attempt("\(job)"))
        both.tell(.update(both.status(attempt, .ended(unstartable, launch: nil))), from: attempt.allocation.node)
        _ = both.round()
        #expect(both.attempt("\(job)").map { $0.allocation.node != attempt.allocation.node } == true)

        var alone = ControlRoom(.machine("a", cores: 1))
        let only = try alone.submit()
        _ = alone.round()
        alone.tell(.update(alone.status(alone.attempt("\(only)"), .ended(unstartable, launch: nil))))
        _ = alone.round()
        #expect(alone.attempt("\(only)")?.id.number == 2)
    }

    @Test func `a rule that ends what could not be launched still does`() throws {
        var room = ControlRoom(.machine("a"))
        let attempt = try room.running {
            $0.retry = RetryPolicy(attempts: 3, rules: [.init(on: [.launchFailed], action: .fail)])
        }
        guard case .ended(let outcome) = room.disposition(of: attempt, unstartable) else {
            Issue.record("it goes on")
            return
        }
        #expect(outcome.reason == .launchFailed)
    }
}
