import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

/// Tasks that wait on their node for what others of their array hold.
@Suite struct SuccessorTests {
    /// A node of two cores that takes successors, with an array of short tasks of which one has ended.
    private func room(
        tasks: Int = 100, takes: Bool? = true, parallel: Int? = nil, seconds: Double = 0.001, queue: String = "batch",
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) throws -> ControlRoom {
        var machine = NodeRegistration.machine("a", cores: 2)
        machine.takesSuccessors = takes
        var room = ControlRoom(machine, .machine("b", cores: 1, labels: ["other": "yes"]))
        try room.drain("b")
        _ = try room.submit(queue: queue) { job in
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

    /// A room in which a task was recalled whose place has become its own meanwhile.
    private func recalledTooLate() throws -> (room: ControlRoom, task: String) {
        var room = try room()
        _ = room.round()
        let first = try #require(waiting(room)["1.1"]?.first)
        room.wait(.seconds(1))
        _ = room.round()
        try end("1.1", in: &room)
        return (room, first)
    }

    private func waiting(_ room: ControlRoom) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for (holder, succession) in room.cluster.nodes["a"]?.successions ?? [:] {
            result["\(holder.task)"] = succession.attempts.map { "\($0.task)" }
        }
        return result
    }

    /// The stops for one reason, in order.
    private func stops(_ told: [Dispatcher.Outgoing], _ reason: StopReason) -> [String] {
        told.compactMap { outgoing in
            guard case .stop(let attempt, _, reason) = outgoing.message else { return nil }
            return "\(attempt.task)"
        }
    }

    /// Whether each who waits is stopped before those from whom it takes over.
    private func endsBackwards(_ stops: [String], _ lines: [String: [String]]) -> Bool {
        lines.allSatisfy { holder, waiting in
            let places = ([holder] + waiting).map { stops.firstIndex(of: $0) ?? -1 }
            return places.last != -1 && places == places.sorted(by: >)
        }
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
        let (recalled, first) = try recalledTooLate()
        var room = recalled
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

    @Test func `a node that is drained begins nothing more, whoever drains it`() throws {
        var room = try room()
        _ = room.round()
        let lines = waiting(room)
        try room.drain("a")
        let told = room.round().told
        #expect(Set(stops(told, .recalled)) == Set(lines.values.joined()))
        #expect(stops(told, .drained).isEmpty, "what runs goes on")
    }

    @Test func `of an array that is stopped, those that wait are stopped first`() throws {
        var drained = try room()
        _ = drained.round()
        var lines = waiting(drained)
        try drained.drain("a", stopping: true)
        #expect(endsBackwards(stops(drained.round().told, .drained), lines))
        var cancelled = try room()
        _ = cancelled.round()
        lines = waiting(cancelled)
        try cancelled.cancel("1")
        #expect(endsBackwards(stops(cancelled.round().told, .cancelled), lines))
        var requeued = try room()
        _ = requeued.round()
        lines = waiting(requeued)
        try requeued.requeue("1")
        #expect(endsBackwards(stops(requeued.round().told, .requeued), lines))
    }

    @Test func `a whole array is cancelled with those that wait`() throws {
        var room = try room()
        _ = room.round()
        try room.cancel("1")
        _ = room.round()
        for attempt in room.cluster.nodes["a"]?.known ?? [] {
            room.tell(.update(room.status(room.attempt("\(attempt.task)"), .ended(.by(.stopped), launch: nil))))
        }
        _ = room.round()
        #expect(room.cluster.jobs.isEmpty)
        #expect(room.cluster.runningTasks(queue: "batch", user: "ada") == 0)
        let node = try #require(room.cluster.nodes["a"])
        #expect(node.given.isEmpty && node.successions.isEmpty && node.free == node.capacity)
    }

    @Test func `nobody takes over from one that makes room for a job that comes first`() throws {
        var room = try room(queue: "spot")
        _ = room.round()
        let lines = waiting(room)
        let urgent = try room.submit(.cores(1), queue: "urgent")
        let told = room.round().told
        let victim = try #require(stops(told, .preempted).first)
        let recalled = try #require(lines[victim])
        #expect(stops(told, .recalled) == recalled.reversed())
        let places = ["\(victim)"] + recalled
        let order = told.compactMap { outgoing -> String? in
            guard case .stop(let attempt, _, _) = outgoing.message else { return nil }
            return "\(attempt.task)"
        }
        #expect(order.last == places[0], "it is stopped when nobody can begin in its place any more")
        for task in recalled {
            room.tell(.update(room.status(room.attempt(task), .ended(.by(.stopped), launch: nil))))
        }
        room.tell(.update(room.status(room.attempt(victim), .ended(.by(.stopped), launch: .plain))))
        _ = room.round()
        #expect(room.attempt("\(urgent)") != nil)
    }

    @Test func `where the node fails to start one, the others of the job wait there no longer`() throws {
        var room = try room()
        _ = room.round()
        let lines = waiting(room)
        let failure = AttemptEnd(cause: .launchFailed, message: "/var is full.", endTime: .epoch, fault: .node)
        room.tell(.update(room.status(room.attempt("1.1"), .ended(failure, launch: nil))))
        let heir = try #require(lines["1.1"]?.first)
        let others = Set(lines.values.joined()).subtracting([heir])
        #expect(Set(stops(room.round().told, .recalled)) == others)
    }

    @Test func `one that has begun before its recall is stopped for any other reason`() throws {
        let (recalled, first) = try recalledTooLate()
        var room = recalled
        _ = room.round()
        try room.drain("a", stopping: true)
        #expect(stops(room.round().told, .drained).contains(first))
    }

    @Test func `an agent that has forgotten who waits is told again before it forgets later ones`() throws {
        var room = try room()
        _ = room.round()
        let lines = waiting(room)
        let (waits, later) = try (#require(lines["1.1"]?.first), #require(lines["1.2"]?.first))
        try end("1.2", in: &room)
        _ = room.round()
        // The agent dies when the later one has ended; another takes over, and finds what has begun.
        let (holder, ended) = try (#require(room.attempt("1.1")), #require(room.attempt(later)))
        let attempt = try #require(room.attempt(waits))
        #expect(attempt.fence < ended.fence)
        let statuses = [
            room.status(holder, .running(.plain)), room.status(ended, .ended(.exit(0), launch: .plain)),
        ]
        let machine = try #require(room.cluster.nodes["a"]?.registration)
        room.join(machine, statuses, session: 2)
        var ledger = AttemptLedger(statuses)
        var begun: [String] = []
        for outgoing in room.round().told {
            switch outgoing.message {
            case .start(let order): if ledger.accept(order) == .begins { begun.append("\(order.attempt.id.task)") }
            case .acknowledge(let attempt, let fence): ledger.acknowledge(attempt, fence: fence)
            case .stop: Issue.record("nothing is stopped")
            }
        }
        #expect(ledger.isWaiting(attempt.id))
        #expect(begun == lines["1.2"].map { [$0[1]] }, "who waited behind the one that has ended holds now")
        let known = Set(ledger.statuses.map(\.attempt))
        #expect(room.cluster.nodes["a"]?.known.allSatisfy(known.contains) == true, "it knows all that was recorded")
    }

    @Test func `how long others wait may be made shorter while they do`() throws {
        var room = try room()
        _ = room.round()
        var configuration = room.cluster.configuration
        configuration.planning.successors.patience = .milliseconds(20)
        room.configure(configuration)
        #expect(room.round().next == room.now + .milliseconds(20))
        room.wait(.milliseconds(20))
        #expect(stops(room.round().told, .recalled).count == 16)
    }

    @Test func `a later controller looks after those that wait`() throws {
        var room = try room()
        _ = room.round()
        room.wait(.milliseconds(400))
        room.restart()
        let machine = try #require(room.cluster.nodes["a"]?.registration)
        let statuses = (room.cluster.nodes["a"]?.known ?? []).map { id in
            room.status(room.attempt("\(id.task)"), .ordered)
        }
        room.join(machine, statuses, session: 2)
        let round = room.round()
        #expect(round.told.isEmpty)
        #expect(round.next == room.now + .milliseconds(600))
        room.wait(.milliseconds(600))
        #expect(stops(room.round().told, .recalled).count == 16)
    }

    @Test func `when the last of an array has lined up, others have what was kept free for them`() throws {
        var machine = NodeRegistration.machine("a", cores: 2)
        machine.takesSuccessors = true
        var room = ControlRoom(machine, .machine("b", cores: 2, labels: ["other": "yes"]))
        var configuration = room.cluster.configuration
        configuration.planning.successors = .init(ahead: .seconds(100), most: 8, patience: .seconds(1000))
        room.configure(configuration)
        let other = try Expression("node.label.other == 'yes'")
        _ = try room.submit(.cores(1)) { job in
            job.timeLimit = .seconds(60)
            job.constraints = [other]
        }
        _ = try room.submit(.cores(2)) { $0.array = ArraySpecification(indices: IndexRanges(0..<3)) }
        _ = room.round()
        room.wait(.seconds(50))
        try end("2.0", in: &room, seconds: 50)
        // In ten seconds b has room for the array, which this job would take.
        let behind = try room.submit(.cores(1), queue: "spot")
        let before = room.cluster
        let starts = room.round().events.filter { if case .started = $0 { true } else { false } }
        #expect(waiting(room) == ["2.1": ["2.2"]])
        #expect(room.attempt("\(behind)")?.allocation.node == "b")
        #expect(starts.count == 3)
        for case .started(let attempt, let decision) in starts {
            #expect(
                DecisionReplay.replayed(attempt, decision, round: starts, in: before) == .identical, "\(attempt.id)")
        }
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
