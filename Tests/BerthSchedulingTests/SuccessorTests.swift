import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

/// Tasks that wait on their node for what others of their array hold.
@Suite struct SuccessorTests {
    /// A node of two cores that takes successors, with an array of short tasks of which one has ended.
    private func room(
        tasks: Int = 100, takes: Bool? = true, parallel: Int? = nil, seconds: Double = 0.001,
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) throws -> ControlRoom {
        var machine = NodeRegistration.machine("a", cores: 2)
        machine.takesSuccessors = takes
        var room = ControlRoom(machine, .machine("b", cores: 1, labels: ["other": "yes"]))
        try room.drain("b")
        _ = try room.submit { job in
            job.array = ArraySpecification(indices: IndexRanges(0..<tasks), parallel: parallel)
            change(&job)
        }
        _ = room.round()
        try end("1.0", in: &room, seconds: seconds)
        return room
    }

    /// Tells that the present attempt of a task has run so long.
    private func end(_ task: String, in room: inout ControlRoom, seconds: Double = 0.001, code: Int = 0) throws {
        let attempt = try #require(room.attempt(task))
        var end = AttemptEnd.exit(code)
        end.endTime = Timestamp.epoch + .microseconds(Int64(seconds * 1e6))
        room.tell(.update(room.status(attempt, .ended(end, launch: .plain))))
    }

    private func waiting(_ room: ControlRoom) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for (holder, succession) in room.cluster.nodes["a"]?.successions ?? [:] {
            result["\(holder.task)"] = succession.attempts.map { "\($0.task)" }
        }
        return result
    }

    private func orders(_ told: [Dispatcher.Outgoing]) -> [AttemptOrder] {
        told.compactMap { if case .start(let order) = $0.message { order } else { nil } }
    }

    @Test func `a node is told who takes over what a short task holds, and after whom`() throws {
        var room = try room()
        let round = room.round()
        let orders = orders(round.told)
        // 1.2 takes what 1.0 held; eight wait behind each of the two.
        #expect(waiting(room).keys.sorted() == ["1.1", "1.2"])
        #expect(waiting(room).values.allSatisfy { $0.count == 8 })
        #expect(orders.count == 17)
        let last = try #require(orders.last { $0.attempt.predecessor?.task.description == "1.1" })
        #expect(last.after?.map { "\($0.task)" } == ["1.1"] + (waiting(room)["1.1"] ?? []).dropLast())
        #expect(last.attempt.allocation == room.attempt("1.1")?.allocation)
        #expect(room.cluster.runningTasks(queue: "batch") == 2, "who waits holds nothing")
        #expect(room.cluster.nodes["a"]?.free.cpus.isEmpty == true)
    }

    @Test func `who takes over holds from then on, and another lines up`() throws {
        var room = try room()
        _ = room.round()
        let first = try #require(waiting(room)["1.1"]?.first)
        try end("1.1", in: &room)
        let round = room.round()
        #expect(room.cluster.nodes["a"]?.given.keys.contains { "\($0.task)" == first } == true)
        #expect(room.attempt(first).map(room.cluster.isSuccessor) == false)
        #expect(waiting(room)[first]?.count == 8)
        #expect(orders(round.told).count == 1)
        #expect(room.cluster.runningTasks(queue: "batch", user: "ada") == 2)
        #expect(room.cluster.jobs[Job.ID(1)]?.holding == 2)
    }

    @Test func `an array at its limit of tasks at a time has none`() throws {
        var room = try room(parallel: 1)
        _ = room.round()
        #expect(room.cluster.jobs[Job.ID(1)]?.holding == 1)
        #expect(waiting(room).isEmpty)
    }

    @Test func `nobody waits for what takes long, or at the end of an array, or where the node cannot do it`() throws {
        var long = try room(seconds: 0.2)
        _ = long.round()
        #expect(waiting(long).isEmpty)
        var few = try room(tasks: 4)
        _ = few.round()
        #expect(waiting(few).isEmpty)
        var old = try room(takes: nil)
        _ = old.round()
        #expect(waiting(old).isEmpty)
        var middling = try room(seconds: 0.009)
        _ = middling.round()
        #expect(waiting(middling).values.map(\.count) == [2, 2])
    }

    @Test func `nobody waits ahead of a job whose turn it is`() throws {
        var room = try room()
        _ = room.round()
        _ = try room.submit(.cores(1), queue: "urgent")
        _ = room.round()
        let before = waiting(room)
        try end("1.1", in: &room)
        _ = room.round()
        #expect(waiting(room).values.reduce(0) { $0 + $1.count } == before.values.reduce(0) { $0 + $1.count } - 1)
    }

    @Test func `what waits behind a task that takes longer than was thought is recalled and waits elsewhere`() throws {
        var room = try room()
        _ = room.round()
        let told = try #require(waiting(room)["1.1"])
        #expect(room.round().next == room.now + .seconds(1), "it looks again when it is time")
        try end("1.2", in: &room)
        room.wait(.seconds(1))
        let round = room.round()
        let recalled = round.told.compactMap { outgoing -> String? in
            guard case .stop(let attempt, _, .recalled) = outgoing.message else { return nil }
            return "\(attempt.task)"
        }
        #expect(Set(told).isSubset(of: recalled))
        for task in recalled {
            let end = AttemptEnd.by(.stopped)
            room.tell(.update(room.status(room.attempt(task), .ended(end, launch: nil))))
        }
        let ends = room.round().events.filter { if case .attemptEnded = $0 { true } else { false } }
        #expect(ends.count == recalled.count)
        for case .attemptEnded(_, _, then: let disposition) in ends {
            #expect(disposition == .waits(notBefore: nil, countsAsRetry: false))
        }
        #expect(waiting(room)["1.1"] == nil, "nobody waits behind it again")
    }

    @Test func `what has begun before it is recalled is judged by its own end`() throws {
        var room = try room()
        _ = room.round()
        let first = try #require(waiting(room)["1.1"]?.first)
        room.wait(.seconds(1))
        _ = room.round()
        try end("1.1", in: &room)
        room.tell(.update(room.status(room.attempt(first), .running(.plain))))
        let begun = room.round()
        #expect(!begun.told.contains { $0.message.isStop(of: first) }, "it is not stopped again")
        #expect(room.cluster.task(try #require(TaskID(first)))?.state.isRunning == true)
        try end(first, in: &room, code: 3)
        let events = room.round().events
        let outcomes = events.compactMap { event -> EndState? in
            guard case .attemptEnded(_, _, then: .ended(let outcome)) = event else { return nil }
            return outcome.state
        }
        #expect(outcomes.contains(.failed))
    }

    @Test func `a held job is followed by nobody`() throws {
        var room = try room()
        _ = room.round()
        try room.hold(Job.ID(1))
        let stops = room.round().told.filter { if case .stop(_, _, .recalled) = $0.message { true } else { false } }
        #expect(stops.count == 16)
    }

    @Test func `with its node is lost who waits there, and free is what they held when the agent has said so`() throws {
        var room = try room()
        _ = room.round()
        let machine = try #require(room.cluster.nodes["a"]?.registration)
        let waited = waiting(room).values.flatMap(\.self)
        room.wait(.seconds(61))
        _ = room.round()
        #expect(room.cluster.nodes["a"]?.isUp == false)
        #expect(waited.allSatisfy { room.attempt($0) == nil })
        #expect(room.cluster.jobs[Job.ID(1)]?.active == 0 && room.cluster.jobs[Job.ID(1)]?.successors == 0)
        #expect(room.cluster.runningTasks(queue: "batch") == 0)
        // One of those that waited runs there by now.
        let known = try #require(room.cluster.nodes["a"]?.known)
        let running = try #require(known.first { "\($0.task)" == waited[0] })
        let holder = AttemptStatus(attempt: running, fence: 99, phase: .ordered)
        room.join(machine, [holder], session: 2)
        #expect(room.cluster.nodes["a"]?.given.keys.contains(running) == true, "what it took over is not free")
        #expect(room.cluster.nodes["a"]?.successions.isEmpty == true)
    }

    @Test func `the same is decided again from the record`() throws {
        var room = try room()
        let before = room.cluster
        let round = room.round().events.filter { if case .started = $0 { true } else { false } }
        #expect(round.count == 17)
        for case .started(let attempt, let decision) in round {
            let verdict = DecisionReplay.replayed(attempt, decision, round: round, in: before)
            #expect(verdict == .identical, "\(attempt.id)")
        }
    }
}

extension ControllerMessage {
    fileprivate func isStop(of task: String) -> Bool {
        if case .stop(let attempt, _, _) = self { "\(attempt.task)" == task } else { false }
    }
}

extension TaskState {
    fileprivate var isRunning: Bool { if case .running = self { true } else { false } }
}
