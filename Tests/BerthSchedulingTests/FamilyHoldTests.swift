import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct FamilyHoldTests {
    private let limits = FailureLimits(family: 3)

    /// Ends the attempt of a job that runs, or of the task named, and settles.
    private func end(_ task: String, _ end: AttemptEnd, in room: inout ControlRoom) throws -> [ClusterEvent] {
        let attempt = try #require(room.attempt(task), "\(task) has resources")
        room.tell(.update(room.status(attempt, .ended(end, launch: .plain))))
        return room.round().events
    }

    /// A family of which three tasks have failed, with jobs 4 and 5 waiting.
    private func failing() throws -> ControlRoom {
        var room = ControlRoom(.machine("a", cores: 1), failures: limits)
        for number in 1...5 { _ = try room.submit { $0.name = "fit-\(number)" } }
        _ = room.round()
        for job in 1...3 { _ = try end("\(job)", .exit(1), in: &room) }
        return room
    }

    private func isHeld(_ id: UInt64, _ room: ControlRoom) -> Bool? { room.cluster.jobs[Job.ID(id)]?.isHeld }

    @Test func `after so many failures in a row the rest of the family is held, and says why`() throws {
        var room = try failing()
        #expect(isHeld(4, room) == true && isHeld(5, room) == true)
        let job = try #require(room.cluster.jobs[Job.ID(5)])
        let reason = try #require(room.waitReasons(for: job).first)
        #expect(
            reason.description
                == "Held by Berth: 3 tasks of its family \"fit-#\" of ada failed in a row, the last one 3@1: exit code 1."
        )
        #expect(reason.name == "held")
        #expect(reason.remedy?.contains("berth release") == true)
    }

    @Test func `a job of the family that is released tries one task, and its success lets all go`() throws {
        var room = try failing()
        try room.release(Job.ID(5))
        _ = room.round()
        #expect(isHeld(4, room) == true)
        let events = try end("5", .exit(0), in: &room)
        #expect(events.map(\.name) == ["launched", "attemptEnded", "familyReleased", "started"])
        #expect(room.attempt("4") != nil)
    }

    @Test func `an array that is released tries one task at a time until one succeeds`() throws {
        var room = ControlRoom(.machine("a", cores: 8), failures: limits)
        let array = try room.submit { $0.array = ArraySpecification(indices: IndexRanges(0..<1000)) }
        _ = room.round()
        for index in 0..<3 { _ = try end("1.\(index)", .exit(1), in: &room) }
        #expect(isHeld(1, room) == true)
        for index in room.cluster.jobs[array]?.tasks.keys.sorted() ?? [] {
            _ = try end("1.\(index)", .by(.signal), in: &room)
        }
        #expect(room.cluster.jobs[array]?.active == 0)

        try room.release(array)
        _ = room.round()
        #expect(room.cluster.jobs[array]?.active == 1)
        let waiting = try #require(room.cluster.jobs[array])
        #expect(room.waitReasons(for: waiting).map(\.name).contains("probation"))
        let tried = try #require(waiting.tasks.keys.first)
        let events = try end("1.\(tried)", .exit(1), in: &room)
        #expect(events.map(\.name) == ["launched", "attemptEnded", "jobsHeld"])

        try room.release(array)
        _ = room.round()
        let second = try #require(room.cluster.jobs[array]?.tasks.keys.first)
        _ = try end("1.\(second)", .exit(0), in: &room)
        #expect(room.cluster.jobs[array]?.active == 8)
        #expect(room.cluster.jobs[array]?.isOnProbation == false)
    }

    @Test func `a success between starts the count anew, and what is no fault of the jobs' does not count`() throws {
        var room = ControlRoom(.machine("a", cores: 1), failures: limits)
        for number in 1...9 { _ = try room.submit { $0.name = "fit-\(number)" } }
        _ = room.round()
        _ = try end("1", .exit(1), in: &room)
        _ = try end("2", .exit(1), in: &room)
        _ = try end("3", .exit(0), in: &room)
        _ = try end("4", .exit(1), in: &room)
        try room.cancel("5")
        _ = try end("5", .by(.stopped), in: &room)
        _ = try end("6", .by(.nodeLost), in: &room)
        _ = try end("6", .by(.stopped), in: &room)
        _ = try end("6", .by(.timeLimit), in: &room)
        #expect(isHeld(8, room) == false)
        _ = try end("7", .by(.outOfMemory), in: &room)
        #expect(isHeld(8, room) == true)
    }

    @Test func `attempts that are tried again do not count; the last one does`() throws {
        var room = ControlRoom(.machine("a", cores: 1), failures: FailureLimits(family: 1))
        let backoff = RetryPolicy.Backoff(initial: .zero, jitter: 0)
        for _ in 1...2 { _ = try room.submit { $0.retry = RetryPolicy(attempts: 1, backoff: backoff) } }
        _ = room.round()
        _ = try end("1", .exit(1), in: &room)
        #expect(isHeld(2, room) == false)
        _ = try end("1", .exit(1), in: &room)
        #expect(isHeld(2, room) == true)
    }

    @Test func `other families go on`() throws {
        var room = try failing()
        let other = try room.submit { $0.name = "plot" }
        let grace = try room.submit([.init(.plain { $0.name = "fit-9" })], user: "grace")
        _ = room.round()
        #expect(room.attempt("\(other)") != nil)
        #expect(isHeld(grace[0].number, room) == false)
    }

    @Test func `what is submitted later tries one task, and the rest waits for that`() throws {
        var room = try failing()
        let ids = try room.submit((0..<3).map { number in .init(.plain { $0.name = "fit-\(number)" }) })
        #expect(ids.map { isHeld($0.number, room) } == [false, true, true])
        let later = try room.submit { $0.name = "fit-77" }
        #expect(isHeld(later.number, room) == true)
        _ = room.round()
        _ = try end("\(ids[0])", .exit(0), in: &room)
        #expect(room.cluster.jobs.values.allSatisfy { !$0.isHeld && !$0.isOnProbation })
    }

    @Test func `a family whose try came to nothing tries again with the next submission`() throws {
        var room = try failing()
        let first = try room.submit { $0.name = "fit" + "-8" }
        _ = room.round()
        _ = try end("\(first)", .exit(1), in: &room)
        let second = try room.submit { $0.name = "fit-9" }
        #expect(isHeld(second.number, room) == false)
        #expect(isHeld(4, room) == true)
    }

    @Test func `what a person holds stays held when the family is let go`() throws {
        var room = try failing()
        try room.hold(Job.ID(4))
        try room.release(Job.ID(5))
        _ = room.round()
        _ = try end("5", .exit(0), in: &room)
        #expect(isHeld(4, room) == true)
        #expect(room.cluster.jobs[Job.ID(4)]?.hold == nil)
    }

    @Test func `without a limit nothing is held`() throws {
        var room = ControlRoom(.machine("a", cores: 1), failures: .none)
        for _ in 1...30 { _ = try room.submit { $0.name = "fit" } }
        _ = room.round()
        for job in 1...29 { _ = try end("\(job)", .exit(1), in: &room) }
        #expect(isHeld(30, room) == false)
    }

    @Test func `a controller that starts anew holds what the one before it held`() throws {
        var room = try failing()
        room.restart()
        room.join(.machine("a", cores: 1), session: 2)
        _ = room.round()
        #expect(isHeld(4, room) == true)
        #expect(room.attempt("4") == nil && room.attempt("5") == nil)
    }

    @Test func `an array of a million tasks is held by one event, and its failures cost what few tasks' do`() throws {
        var room = ControlRoom(.machine("a", cores: 64), failures: FailureLimits(family: 2000))
        _ = try room.submit { $0.array = ArraySpecification(indices: IndexRanges(0..<1_000_000)) }
        _ = room.round()
        var events: [ClusterEvent] = []
        let started = ContinuousClock.now
        while events.last?.name != "jobsHeld", ContinuousClock.now - started < .seconds(60) {
            for task in (room.cluster.jobs[Job.ID(1)]?.tasks.keys.sorted() ?? []).prefix(64) {
                guard let attempt = room.attempt("1.\(task)") else { continue }
                room.tell(.update(room.status(attempt, .ended(.exit(1), launch: .plain))))
            }
            events = room.round().events.filter { $0.name == "jobsHeld" }
        }
        #expect(events.count == 1)
        #expect(room.cluster.jobs[Job.ID(1)]?.isHeld == true)
        #expect(ContinuousClock.now - started < .seconds(20), "a walk over the array at each end would take minutes")
    }
}
