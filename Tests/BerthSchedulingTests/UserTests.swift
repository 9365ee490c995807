import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct UserTests {
    private let machine = NodeRegistration.machine("a", cores: 2)
    private var room: ControlRoom { ControlRoom(machine) }

    private func refusal(_ act: () throws -> Void) -> Refusal? {
        do {
            try act()
            return nil
        } catch { return error as? Refusal }
    }

    private func array(_ job: inout JobSpecification) { job.array = ArraySpecification(indices: IndexRanges(0..<5)) }

    @Test func `cancelling what waits ends it at once`() throws {
        var room = room
        let job = try room.submit { $0.isHeld = true }
        try room.cancel("\(job)")
        let round1 = room.round()
        #expect(round1.events.map(\.name) == ["submitted", "tasksEnded"])
        #expect(try room.history.endState(of: job) == .cancelled)
    }

    @Test func `cancelling what runs stops it, once`() throws {
        var room = room
        let attempt = try room.running()
        try room.cancel("1")
        try room.cancel("1")
        let stopped = room.round()
        #expect(stopped.events.map(\.name) == ["stopping"])
        #expect(stopped.told.map(\.message) == [.stop(attempt: attempt.id, fence: attempt.fence, .cancelled)])
    }

    @Test func `cancelling goes before running again, and not the other way round`() throws {
        var room = room
        let attempt = try room.running()
        try room.requeue("1")
        try room.cancel("1")
        try room.requeue("1")
        try room.drain("a", stopping: true)
        let reasons = room.round().events.compactMap { event -> StopReason? in
            if case .stopping(_, let reason, by: _) = event { reason } else { nil }
        }
        #expect(reasons == [.requeued, .cancelled])
        #expect(room.cluster.state(of: attempt.id) == .stopping(attempt, .cancelled, since: .epoch))
    }

    @Test func `cancelling an array ends what waits and stops what runs`() throws {
        var room = room
        let job = try room.submit([.init(.plain { array(&$0) })])[0]
        _ = room.round()
        try room.cancel("\(job)")
        let events = room.round().events
        #expect(events.map(\.name) == ["stopping", "stopping", "tasksEnded"])
        #expect(room.cluster.jobs[job]?.ended.cancelled == 3)
        for index in 0...1 {
            room.tell(.update(room.status(room.attempt("1.\(index)"), .ended(.by(.stopped), launch: nil))))
        }
        let round2 = room.round()
        #expect(round2.events.map(\.name) == ["attemptEnded", "attemptEnded"])
        #expect(room.cluster.jobs.isEmpty)
    }

    @Test func `one task of an array is cancelled alone`() throws {
        var room = room
        let job = try room.submit([.init(.plain { array(&$0) })])[0]
        _ = room.round()
        try room.cancel("1.3")
        #expect(room.cluster.jobs[job]?.untouched == IndexRanges([2, 4]))
        try room.cancel("1.0")
        let round3 = room.round()
        #expect(round3.events.map(\.name) == ["tasksEnded", "stopping"])
        #expect(room.cluster.jobs[job]?.active == 2)
    }

    @Test func `a task that has ended, or never was, cannot be cancelled or run again`() throws {
        var room = room
        _ = try room.submit([.init(.plain { array(&$0) })])
        _ = room.round()
        room.tell(.update(room.status(room.attempt("1.0"), .ended(.exit(0), launch: .plain))))
        _ = room.round()
        let ended = try #require(TaskID("1.0"))
        let never = try #require(TaskID("1.5"))
        #expect(refusal { try room.cancel("1.0") } == .taskHasEnded(ended))
        #expect(refusal { try room.requeue("1.0") } == .taskHasEnded(ended))
        #expect(refusal { try room.cancel("1.5") } == .noTask(never))
        #expect(refusal { try room.requeue("1.5") } == .noTask(never))
    }

    @Test func `a job that is no array has no task by number`() throws {
        var room = room
        let job = try room.submit { $0.isHeld = true }
        let task = try #require(TaskID("1.0"))
        #expect(refusal { try room.cancel("1.0") } == .noTask(task))
        #expect(room.cluster.jobs[job] != nil)
    }

    @Test func `what has ended says how, in the same round and later, and what never was says so`() throws {
        var room = room
        let job = try room.submit()
        let task = TaskID(job: job)
        try room.cancel("1")
        #expect(refusal { try room.cancel("1") } == .hasEnded(task, .cancelled))
        _ = room.round()
        #expect(refusal { try room.cancel("1") } == .hasEnded(task, .cancelled))
        #expect(refusal { try room.hold(job) } == .hasEnded(task, .cancelled))
        #expect(refusal { try room.cancel("7") } == .noJob(Job.ID(7)))
    }

    @Test func `a held job starts when it is released`() throws {
        var room = room
        let job = try room.submit()
        try room.hold(job)
        try room.hold(job)
        let round4 = room.round()
        #expect(round4.events.map(\.name) == ["submitted", "held"])
        try room.release(job)
        let round5 = room.round()
        #expect(round5.events.map(\.name) == ["released", "started"])
        #expect(refusal { try room.release(job) } == .notHeld(job))
    }

    @Test func `a job that is run again goes on with the next attempt`() throws {
        var room = room
        let attempt = try room.running()
        try room.requeue("1")
        _ = room.round()
        room.tell(.update(room.status(attempt, .ended(.by(.stopped), launch: .plain))))
        let round6 = room.round()
        #expect(round6.events.map(\.name) == ["attemptEnded", "started"])
        #expect(room.attempt("1")?.id.number == 2)
    }

    @Test func `an ended job of which nothing is left to run is refused`() throws {
        var room = room
        var submission = Submission.plain(Job.ID(1))
        submission.reopened = .init(tasks: IndexRanges(), attempts: [:], ended: Job.Tally(succeeded: 1))
        #expect(refusal { try room.reopen(submission) } == .nothingToRequeue(Job.ID(1)))
        submission.reopened = .init(tasks: IndexRanges(0..<1), attempts: [0: 1], ended: Job.Tally())
        try room.reopen(submission)
        let round7 = room.round()
        #expect(round7.events.map(\.name) == ["reopened", "started"])
        #expect(room.attempt("1")?.id.number == 2)
    }

    @Test func `a drained node finishes what runs and takes nothing new`() throws {
        var room = room
        let attempt = try room.running()
        try room.drain("a")
        _ = try room.submit()
        let round8 = room.round()
        #expect(round8.events.map(\.name) == ["nodeDrained", "submitted"])
        #expect(room.attempt("1") == attempt)
        try room.undrain("a")
        try room.undrain("a")
        let round9 = room.round()
        #expect(round9.events.map(\.name) == ["nodeUndrained", "started"])
    }

    @Test func `a node that is drained at once stops what runs there, to run elsewhere`() throws {
        var room = ControlRoom(machine, .machine("b", cores: 2))
        let attempt = try room.running()
        try room.drain("a", stopping: true)
        let round10 = room.round()
        #expect(round10.told.map(\.message) == [.stop(attempt: attempt.id, fence: attempt.fence, .drained)])
        room.tell(.update(room.status(attempt, .ended(.by(.stopped), launch: .plain))))
        _ = room.round()
        #expect(room.attempt("1")?.allocation.node == "b")
    }

    @Test func `a node that is not there is refused with the one that was meant`() throws {
        var room = ControlRoom(.machine("gpu-07"))
        let refused = refusal { try room.drain("gpu-70") }
        #expect(refused?.kind == .notFound)
        #expect(refused?.description == "There is no node \"gpu-70\". Did you mean \"gpu-07\"?")
    }

    @Test func `a job that has not started by its deadline fails, at its deadline`() throws {
        var room = room
        let deadline = Timestamp.epoch + .seconds(30)
        let job = try room.submit {
            $0.deadline = deadline
            $0.isHeld = true
        }
        let round11 = room.round()
        #expect(round11.next == deadline)
        room.wait(.seconds(30) - .microseconds(1))
        let round12 = room.round()
        #expect(round12.events.isEmpty)
        room.wait(.microseconds(1))
        let round13 = room.round()
        #expect(round13.events.map(\.name) == ["tasksEnded"])
        #expect(try room.history.endState(of: job) == .failed)
    }

    @Test func `a job that started in time goes on after its deadline, also where it is tried again`() throws {
        var room = room
        let attempt = try room.running { $0.deadline = .epoch + .seconds(30) }
        room.wait(.seconds(31))
        let round14 = room.round()
        #expect(round14.events.isEmpty)
        room.tell(.update(room.status(attempt, .ended(.by(.nodeLost), launch: .plain))))
        let round15 = room.round()
        #expect(round15.events.map(\.name) == ["attemptEnded", "started"])
    }

    @Test func `jobs that wait for what failed fail with it, the whole chain in one round`() throws {
        var room = room
        let first = try room.running()
        let ids = try room.submit([
            .init(.plain { $0.dependencies = [Dependency(job: first.id.task.job)] }),
            .init(.plain(), dependsOn: [(0, .succeeded)]), .init(.plain(), dependsOn: [(1, .succeeded)]),
            .init(.plain(), dependsOn: [(2, .failed)]),
        ])
        _ = room.round()
        room.tell(.update(room.status(first, .ended(.exit(1), launch: .plain))))
        let events = room.round().events
        #expect(events.map(\.name) == ["attemptEnded", "tasksEnded", "tasksEnded", "tasksEnded", "started"])
        for case .tasksEnded(_, _, let outcome, by: _) in events { #expect(outcome.reason == .dependencyFailed) }
        #expect(room.cluster.jobs.keys.sorted() == [ids[3]], "the one that waited for a failure starts")
    }

    @Test func `a job that waits for another's start starts in the same round`() throws {
        var room = room
        _ = try room.submit([.init(.plain()), .init(.plain(), dependsOn: [(0, .started)])])
        let round16 = room.round()
        #expect(round16.events.map(\.name) == ["submitted", "submitted", "started", "started"])
    }
}
