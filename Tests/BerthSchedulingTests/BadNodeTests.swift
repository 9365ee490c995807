import BerthModel
import BerthScheduling
import Testing

@Suite struct BadNodeTests {
    private let limits = FailureLimits(family: nil, nodeFaults: 3, nodeFailures: 6, losses: nil)

    /// Three machines of one core each.
    private func room() -> ControlRoom {
        ControlRoom(.machine("a", cores: 1), .machine("b", cores: 1), .machine("c", cores: 1), failures: limits)
    }

    /// Runs a job of a family on a node, until it ends so.
    ///
    /// - Returns: what happened at its end.
    @discardableResult
    private func run(
        _ family: String, on node: NodeName, _ end: AttemptEnd, launching: Bool = true, in room: inout ControlRoom
    ) throws -> [ClusterEvent] {
        let rule = try Expression("node.name == \"\(node)\"")
        let job = try room.submit { job in
            job.name = family
            job.constraints = [rule]
        }
        _ = room.round()
        let attempt = try #require(room.attempt("\(job)"), "\(family) has started on \(node)")
        if launching { room.tell(.update(room.status(attempt, .running(.plain))), from: node) }
        room.tell(.update(room.status(attempt, .ended(end, launch: launching ? .plain : nil))), from: node)
        let events = room.round().events
        if room.cluster.jobs[job] != nil {
            try room.cancel("\(job)")
            if let again = room.attempt("\(job)") {
                room.tell(.update(room.status(again, .ended(.by(.stopped), launch: nil))), from: node)
            }
        }
        _ = room.round()
        return events
    }

    private let unstartable = AttemptEnd(
        cause: .launchFailed, message: "/var is full.", endTime: .epoch, fault: .node)

    private func drain(_ node: NodeName, _ room: ControlRoom) -> Node.Drain? { room.cluster.nodes[node]?.drain }

    @Test func `a node that cannot start the jobs of several families is drained, with the evidence`() throws {
        var room = room()
        for family in ["fit", "plot"] { try run(family, on: "b", unstartable, launching: false, in: &room) }
        #expect(drain("b", room) == nil)
        let events = try run("fit", on: "b", unstartable, launching: false, in: &room)
        #expect(events.map(\.name).contains("nodeDrained"))
        let drain = try #require(room.cluster.nodes["b"]?.drain)
        #expect(drain.by == "berth")
        #expect(drain.evidence?.map(\.attempt.description) == ["1@1", "2@1", "3@1"])
        #expect(
            drain.reason
                == "3 attempts in a row could not be started as planned on it, the last one 3@1: could not be started: "
                + "/var is full.")
    }

    @Test func `one that starts something in between is not`() throws {
        var room = room()
        for _ in 1...3 {
            for family in ["fit", "plot"] { try run(family, on: "b", unstartable, launching: false, in: &room) }
            try run("fit", on: "b", .exit(1), in: &room)
        }
        #expect(drain("b", room) == nil)
    }

    @Test func `a job that starts nowhere takes no node out, and one that starts elsewhere does`() throws {
        var room = room()
        for _ in 1...9 { try run("odd", on: "b", unstartable, launching: false, in: &room) }
        #expect(drain("b", room) == nil)
        try run("odd", on: "c", .exit(1), in: &room)
        try run("odd", on: "b", unstartable, launching: false, in: &room)
        #expect(drain("b", room) != nil)
        #expect(drain("c", room) == nil)
    }

    @Test func `a launch that failed by the job's fault says nothing against the node`() throws {
        var room = room()
        let wrong = AttemptEnd(cause: .launchFailed, message: "There is no program fiit.", endTime: .epoch, fault: .job)
        for _ in 1...9 {
            for family in ["fit", "plot"] { try run(family, on: "b", wrong, launching: false, in: &room) }
        }
        #expect(drain("b", room) == nil)
    }

    @Test func `bindings that differ and refusals count as the node's faults`() throws {
        var room = room()
        var launch = Launch.plain
        launch.bound.differs = true
        for family in ["fit", "plot"] {
            let rule = try Expression("node.name == \"b\"")
            let job = try room.submit { job in
                job.name = family
                job.constraints = [rule]
            }
            _ = room.round()
            let attempt = try #require(room.attempt("\(job)"))
            room.tell(.update(room.status(attempt, .running(launch))), from: "b")
            room.tell(.update(room.status(attempt, .ended(.exit(1), launch: launch))), from: "b")
            _ = room.round()
        }
        try run("fit", on: "b", .by(.refused), launching: false, in: &room)
        #expect(drain("b", room)?.evidence?.map(\.kind) == [.binding, .binding, .refused])
    }

    @Test func `families that succeed elsewhere and fail on a node one after the other take it out`() throws {
        var room = room()
        for family in ["fit", "plot", "scan"] { try run(family, on: "a", .exit(0), in: &room) }
        for family in ["fit", "plot", "scan", "fit", "plot"] { try run(family, on: "b", .exit(1), in: &room) }
        #expect(drain("b", room) == nil)
        try run("scan", on: "b", .by(.signal), in: &room)
        #expect(
            drain("b", room)?.reason.hasPrefix("6 attempts of 3 families of jobs that succeed elsewhere failed") == true
        )
    }

    @Test func `jobs that fail everywhere take no node out, however many families they are of`() throws {
        var room = room()
        for _ in 1...4 {
            for family in ["fit", "plot", "scan"] {
                for node in ["a", "b"] as [NodeName] { try run(family, on: node, .exit(1), in: &room) }
            }
        }
        #expect(drain("a", room) == nil && drain("b", room) == nil)
    }

    @Test func `one family alone is not believed, nor one with two that hardly speak`() throws {
        var room = room()
        for family in ["fit", "plot", "scan"] { try run(family, on: "a", .exit(0), in: &room) }
        for family in ["fit", "fit", "fit", "fit", "fit", "fit", "plot", "scan"] {
            try run(family, on: "b", .exit(1), in: &room)
        }
        #expect(drain("b", room) == nil)
        try run("scan", on: "b", .exit(1), in: &room)
        #expect(drain("b", room) != nil)
    }

    @Test func `what was told to stop speaks against nobody`() throws {
        var room = room()
        for family in ["fit", "plot", "scan"] { try run(family, on: "a", .exit(0), in: &room) }
        for _ in 1...3 {
            for family in ["fit", "plot", "scan"] {
                let rule = try Expression("node.name == \"b\"")
                let job = try room.submit { job in
                    job.name = family
                    job.constraints = [rule]
                }
                _ = room.round()
                let attempt = try #require(room.attempt("\(job)"))
                try room.cancel("\(job)")
                room.tell(.update(room.status(attempt, .ended(.by(.signal), launch: .plain))), from: "b")
                _ = room.round()
            }
        }
        #expect(room.cluster.nodes["b"]?.troubles == nil)
    }

    @Test func `at least half of the nodes that are up go on working; what is wrong is said once`() throws {
        var room = ControlRoom(.machine("a", cores: 1), .machine("b", cores: 1), failures: limits)
        for family in ["fit", "plot", "fit"] { try run(family, on: "b", unstartable, launching: false, in: &room) }
        #expect(drain("b", room) != nil)
        for family in ["fit", "plot", "fit", "plot", "fit"] {
            try run(family, on: "a", unstartable, launching: false, in: &room)
        }
        #expect(drain("a", room) == nil)
        let faults = room.cluster.nodes["a"]?.faults ?? []
        #expect(faults.map(\.kind) == [.failing])
        #expect(faults.first?.text.contains("berth drain a takes it out") == true)
    }

    @Test func `an undrained node starts with a clean record`() throws {
        var room = room()
        for family in ["fit", "plot", "fit"] { try run(family, on: "b", unstartable, launching: false, in: &room) }
        try room.undrain("b")
        _ = room.round()
        #expect(room.cluster.nodes["b"]?.takesWork == true)
        #expect(room.cluster.nodes["b"]?.troubles == nil)
        try run("fit", on: "b", unstartable, launching: false, in: &room)
        #expect(drain("b", room) == nil)
    }
}
