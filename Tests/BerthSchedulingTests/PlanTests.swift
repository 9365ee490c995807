import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct PlanTests {
    @Test func `jobs start by tier, and within a tier by time`() throws {
        var site = try Site(.machine("a"))
        let late = try site.pending(at: Timestamp(microseconds: 9))
        let early = try site.pending(at: Timestamp(microseconds: 1))
        let spot = try site.pending(queue: "spot", at: .epoch)
        let urgent = try site.pending(queue: "urgent", at: Timestamp(microseconds: 99))
        #expect(site.plan().jobs == [urgent, early, late, spot])
    }

    @Test func `a job that does not fit is passed over by one that is over before there is room for it`() throws {
        var site = try Site(.machine("a", cores: 4))
        _ = try site.given(.cores(2))
        let wide = try site.pending(.cores(3))
        _ = try site.pending(.cores(2))
        let small = try site.pending(.cores(2)) { $0.timeLimit = .seconds(3600) }
        #expect(site.plan().jobs == [small])
        try site.settle()
        #expect(site.reasons(wide).map(\.name) == ["resources"])
    }

    @Test func `a node that is kept for a job alone is kept whole`() throws {
        var site = try Site(.machine("a", cores: 4))
        _ = try site.given(.cores(1)) { $0.timeLimit = .seconds(600) }
        _ = try site.pending(ResourceRequest(cpus: 1, isExclusive: true))
        _ = try site.pending(.cores(1))
        let small = try site.pending(.cores(1)) { $0.timeLimit = .seconds(300) }
        #expect(site.plan().jobs == [small])
    }

    @Test func `the first shape that fits anywhere is taken`() throws {
        var site = try Site(.machine("a", cores: 4))
        func change(_ job: inout JobSpecification) { job.alternatives = [.cores(4), .cores(3), .cores(2)] }
        let given = try #require(try site.given(.cores(8), change))
        #expect(given.shape == 1)
        #expect(given.coreCount == 4)
        try site.ended(Job.ID(1))
        _ = try site.given(.cores(1))
        #expect(try #require(try site.given(.cores(8), change)).shape == 2)
    }

    @Test func `a constraint and a queue's own nodes keep a job from the others`() throws {
        let queues = [
            Queue(name: "batch", tier: 1),
            Queue(name: "east", tier: 1, nodes: try Expression("node.label.zone == 'b'")),
        ]
        var site = try Site(
            .machine("n1", labels: ["zone": "a"]), .machine("n2", labels: ["zone": "b"]), .machine("n3"), queues: queues
        )
        let constraint = try Expression("node.label.zone == 'a' and cpu.isa has 'avx2'")
        #expect(try #require(try site.given(.cores(4)) { $0.constraints = [constraint] }).node == "n1")
        let east = try site.pending(.cores(4), queue: "east")
        #expect(site.plan().allocations.map(\.node) == ["n2"])
        try site.settle()
        let next = try site.pending(queue: "east")
        try site.settle()
        #expect(site.cluster.jobs[east]?.active == 1)
        #expect(site.cluster.jobs[next]?.active == 0, "n3 is free and is not the queue's")
    }

    @Test func `a queue's limits hold within one plan and over several`() throws {
        let queue = Queue(name: "batch", tier: 1, maximumRunning: 3, maximumRunningPerUser: 2)
        var site = try Site(.machine("a", cores: 8), queues: [queue])
        let ada = [try site.pending(), try site.pending(), try site.pending()]
        let bob = [try site.pending(user: "bob"), try site.pending(user: "bob")]
        #expect(site.plan().jobs == [ada[0], ada[1], bob[0]])
        try site.settle()
        #expect(site.plan().starts.isEmpty)
        #expect(site.reasons(ada[2]).map(\.name) == ["queueLimit", "userLimit"])
        #expect(site.reasons(bob[1]).map(\.name) == ["queueLimit", "behind"])
        try site.ended(bob[0])
        #expect(site.plan().jobs == [bob[1]], "ada has her two")
        try site.ended(ada[0])
        #expect(site.plan().jobs == [ada[2], bob[1]])
    }

    @Test func `an array starts as many tasks as fit and its own limit lets`() throws {
        var site = try Site(.machine("a", cores: 4))
        let array = try site.pending { $0.array = ArraySpecification(indices: IndexRanges(0..<1_000_000), parallel: 3) }
        #expect(site.plan().starts.map(\.attempt.id.description) == ["1.0@1", "1.1@1", "1.2@1"])
        try site.settle()
        #expect(site.plan().starts.isEmpty)
        #expect(site.reasons(array) == [.arrayLimit(parallel: 3)])
        let other = try site.pending(.cores(2))
        #expect(site.plan().starts.isEmpty)
        #expect(site.reasons(other).map(\.name) == ["resources"], "what may not start is nobody's way")
    }

    @Test func `a task that was started before goes before its peers that were not`() throws {
        var site = try Site(.machine("a", cores: 1))
        let array = try site.pending { $0.array = ArraySpecification(indices: IndexRanges(0..<3)) }
        try site.settle()
        let attempt = AttemptID(task: TaskID(job: array, index: 0), number: 1)
        let end = AttemptEnd(cause: .stopped, endTime: .epoch)
        try site.apply(.attemptEnded(attempt: attempt, end, then: .waits(notBefore: nil, countsAsRetry: false)))
        #expect(site.plan().starts.map(\.attempt.id.description) == ["1.0@2"])
    }

    @Test func `what begins later waits until then, to the microsecond`() throws {
        var site = try Site(.machine("a"))
        let begin = Timestamp(microseconds: 5_000_000)
        let job = try site.pending { $0.begin = begin }
        #expect(site.plan().starts.isEmpty)
        #expect(site.plan().nextTime == begin)
        #expect(site.reasons(job) == [.begins(at: begin)])
        #expect(site.plan(at: begin - .microseconds(1)).starts.isEmpty)
        #expect(site.plan(at: begin).jobs == [job])
        #expect(site.plan(at: begin).nextTime == nil)
    }

    @Test func `after a failed attempt a task waits until its time`() throws {
        var site = try Site(.machine("a"))
        let job = try site.pending()
        try site.settle()
        let time = Timestamp(microseconds: 7)
        try site.ended(job, then: .waits(notBefore: time, countsAsRetry: true))
        #expect(site.plan().starts.isEmpty)
        #expect(site.plan().nextTime == time)
        #expect(site.reasons(job) == [.backoff(until: time)])
        #expect(site.plan(at: time).starts.map(\.attempt.id.number) == [2])
    }

    @Test func `the next time is that of a job that time alone can start`() throws {
        var site = try Site(.machine("a"))
        let (soon, later) = (Timestamp(microseconds: 1000), Timestamp(microseconds: 2000))
        let first = try site.pending(.cores(9)) { $0.begin = later }
        _ = try site.pending {
            $0.begin = soon
            $0.isHeld = true
        }
        _ = try site.pending {
            $0.begin = soon
            $0.dependencies = [Dependency(job: first)]
        }
        #expect(site.plan().nextTime == later)
    }

    @Test func `held jobs, and those that wait for others, do not start`() throws {
        var site = try Site(.machine("a"))
        let held = try site.pending { $0.isHeld = true }
        let dependency = Dependency(job: held)
        let waiting = try site.pending { $0.dependencies = [dependency] }
        #expect(site.plan().starts.isEmpty)
        #expect(site.reasons(held) == [.held])
        #expect(site.reasons(waiting) == [.dependency(dependency)])
        try site.apply(.released(job: held, by: "ada"))
        #expect(site.plan().jobs == [held])
    }

    @Test func `nothing starts on a node that is lost, drained or leaving`() throws {
        var leaving = NodeRegistration.machine("c")
        leaving.isLeaving = true
        var site = try Site(.machine("a"), .machine("b"), leaving)
        try site.apply(.nodeLost("a"))
        try site.apply(.nodeDrained("b", Node.Drain(reason: "a fan", by: "op")))
        let job = try site.pending()
        #expect(site.plan().starts.isEmpty)
        #expect(
            site.shortfalls(job) == [
                "a": [.lost], "b": [.drained(reason: "a fan")], "c": [.drained(reason: "its agent is leaving")],
            ])
    }
}

@Suite struct DecisionTests {
    @Test func `a decision names what was chosen, what came second, and why the others did not`() throws {
        var site = try Site(
            .machine("a", cores: 8), .machine("b", cores: 2), .machine("c", cores: 4), .machine("d", cores: 1))
        _ = try site.pending(.cores(2))
        let decision = try #require(site.plan().starts.first?.decision)
        #expect(decision.candidates.map(\.node) == ["b", "c", "a"])
        #expect(decision.chosen?.node == "b")
        #expect(decision.runnerUp?.node == "c")
        #expect(decision.rejected == ["cores": 1])
        #expect(decision.nodesConsidered == 4)
        #expect(decision.policy == planningPolicy)
        #expect(decision.candidates.map(\.score) == decision.candidates.map(\.score).sorted())
    }

    @Test func `only the best candidates are kept`() throws {
        var site = try Site(.machine("a"), .machine("b"), .machine("c"), .machine("d"), .machine("e"), .machine("f"))
        _ = try site.pending()
        #expect(site.plan().starts.first?.decision.candidates.count == Decision.recordedCandidates)
    }

    private func saw(_ request: ResourceRequest = .cores(1), _ change: (inout NodeRegistration) -> Void = { _ in })
        throws
        -> String
    {
        var machine = NodeRegistration.machine("a", devices: [try .qsim()], labels: ["zone": "b", "rack": "1"])
        change(&machine)
        var site = try Site(machine, .machine("b"))
        _ = try site.pending(request)
        return try #require(site.plan().starts.first?.decision.saw)
    }

    @Test func `equal things seen have equal digests, in whatever order they were put together`() throws {
        let names = ["qubits", "precision", "a", "b", "c", "d", "e", "f"]
        func request(_ names: [String], _ capacity: Int) -> ResourceRequest {
            var attributes: [String: AttributeValue] = [:]
            attributes.reserveCapacity(capacity)
            for name in names { attributes[name] = name == "qubits" ? .number(3) : .text(name) }
            return ResourceRequest(devices: [DeviceRequest(kind: "x", attributes: attributes)])
        }
        func seen(_ request: ResourceRequest) throws -> String {
            var device = Device(name: "x0", kind: "x")
            device.attributes = request.devices[0].attributes
            var site = try Site(.machine("a", devices: [device]))
            _ = try site.pending(request)
            return try #require(site.plan().starts.first?.decision.saw)
        }
        let first = try seen(request(names, 0))
        for rotation in names.indices {
            let other = request(Array(names[rotation...] + names[..<rotation]), 1 << rotation)
            #expect(try seen(other) == first)
        }
    }

    @Test func `the digest tells apart whatever could change the choice`() throws {
        let seen = [
            try saw(), try saw(.cores(2)), try saw(.cores(1, gibibytes: 1)), try saw(.cores(1, .numa)),
            try saw(.qsim(3)),
            try saw(.qsim(4)), try saw { $0.labels["zone"] = "c" }, try saw { $0.reservedCPUs = 1 },
            try saw { $0.inventoryDigest = "other" },
            try saw(
                ResourceRequest(devices: [
                    DeviceRequest(kind: "qsim", attributes: ["qubits": .number(3), "precision": .text("double")])
                ])),
        ]
        #expect(Set(seen).count == seen.count)
        #expect(try saw() == seen[0])
    }

    @Test func `the digest changes with what is free, and comes back with it`() throws {
        var site = try Site(.machine("a"))
        func seen() throws -> String {
            var copy = site
            _ = try copy.pending(.cores(1))
            return try #require(copy.plan().starts.first?.decision.saw)
        }
        let before = try seen()
        _ = try site.given(.cores(1, gibibytes: 1))
        #expect(try seen() != before)
        try site.ended(Job.ID(1))
        #expect(try seen() == before)
    }
}
