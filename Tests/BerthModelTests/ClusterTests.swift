import BerthModel
import Testing

@Suite struct ClusterTests {
    @Test func `what is given is not free, and is free again at the end`() throws {
        var site = try Site()
        let job = try site.submitted()
        let whole = try #require(site.free())
        let attempt = try site.started(job, cores: 2..<5, gibibytes: 10, qsim: 1)
        #expect(site.free()?.cpus.description == "0-1,5-7")
        #expect(site.free()?.memory == [0: 6 << 30, 1: 16 << 30])
        #expect(site.free()?.devices == ["qsim0": 1000])
        try site.ended(attempt)
        #expect(site.free() == whole)
    }

    @Test func `a reserve is kept from the jobs`() {
        var machine = NodeRegistration.machine("n1")
        machine.reservedCPUs = 2
        machine.reservedMemoryBytes = 20 << 30
        #expect(machine.capacity.cpus.description == "0-5")
        #expect(machine.capacity.memory == [0: 0, 1: 12 << 30])
    }

    @Test func `a device that is not healthy is not given`() {
        var machine = NodeRegistration.machine("n1")
        machine.inventory.devices[0].health = .unusable("it does not answer")
        #expect(machine.capacity.devices == [:])
    }

    @Test func `a lost node keeps what it gave until its agent says that it is gone`() throws {
        var site = try Site()
        let job = try site.submitted()
        let attempt = try site.running(job, cores: 0..<4)
        try site.apply(.nodeLost("n1"))
        try site.waitsAgain(attempt)
        #expect(site.free()?.cpus.description == "4-7")
        #expect(site.cluster.nodes["n1"]?.takesWork == false)

        try site.apply(.nodeReturned("n1"))
        #expect(site.free()?.cpus.description == "4-7", "its process may still live")
        try site.apply(.staleAttemptEnded(attempt: attempt, node: "n1", .exit(137)))
        #expect(site.free()?.cpus.description == "0-7")
        #expect(throws: IllegalTransition.self) {
            try site.apply(.staleAttemptEnded(attempt: attempt, node: "n1", .exit(137)))
        }
    }

    @Test func `a live attempt is not cleared as a stale one`() throws {
        var site = try Site()
        let attempt = try site.running(try site.submitted())
        let before = site.cluster
        #expect(throws: IllegalTransition.self) {
            try site.apply(.staleAttemptEnded(attempt: attempt, node: "n1", .exit(0)))
        }
        #expect(site.cluster == before)
    }

    @Test func `nothing starts on a node that is lost`() throws {
        var site = try Site()
        let job = try site.submitted()
        try site.apply(.nodeLost("n1"))
        #expect(throws: IllegalTransition.self) { try site.apply(.started(site.attempt(job), .none)) }
    }

    @Test func `a node that joins with fewer cores gives no core twice`() throws {
        var site = try Site()
        _ = try site.running(try site.submitted(), cores: 1..<7)
        try site.apply(.nodeJoined(.machine("n1", cores: 4, gibibytes: 8)))
        #expect(site.free()?.cpus.description == "0")
        try site.apply(.nodeJoined(.machine("n1", cores: 16, gibibytes: 8, qsim: 1)))
        #expect(site.free()?.cpus.description == "0,7-15")
        #expect(site.free()?.devices == ["qsim0": 1000])
    }

    @Test func `what a smaller node gave before leaves nothing below zero`() throws {
        var site = try Site()
        let attempt = try site.started(try site.submitted(), cores: 0..<1, gibibytes: 12, qsim: 2)
        try site.apply(.nodeJoined(.machine("n1", gibibytes: 8, qsim: 1)))
        #expect(site.free()?.memory == [0: 0, 1: 4 << 30])
        #expect(site.free()?.devices == ["qsim0": 0])
        try site.ended(attempt)
        #expect(site.free()?.memory == [0: 4 << 30, 1: 4 << 30])
        #expect(site.free()?.devices == ["qsim0": 1000])
    }

    @Test func `a drained node takes no work until it is undrained`() throws {
        var site = try Site()
        try site.apply(.nodeDrained("n1", Node.Drain(reason: "a fan", by: "op")))
        #expect(site.cluster.nodes["n1"]?.takesWork == false)
        try site.apply(.nodeJoined(.machine("n1")))
        #expect(site.cluster.nodes["n1"]?.drain?.reason == "a fan", "a new agent does not end a drain")
        try site.apply(.nodeUndrained("n1", by: "op"))
        #expect(site.cluster.nodes["n1"]?.takesWork == true)
    }

    @Test func `a node whose agent leaves takes no work`() throws {
        var site = try Site()
        var leaving = NodeRegistration.machine("n1")
        leaving.isLeaving = true
        try site.apply(.nodeJoined(leaving))
        #expect(site.cluster.nodes["n1"]?.takesWork == false)
        try site.apply(.nodeJoined(.machine("n1")))
        #expect(site.cluster.nodes["n1"]?.takesWork == true)
    }

    @Test(
        arguments: [
            .nodeLost("n9"), .nodeReturned("n9"), .nodeDrained("n9", Node.Drain(reason: "", by: "")),
            .nodeUndrained("n9", by: ""), .held(job: Job.ID(9), by: ""), .released(job: Job.ID(9), by: ""),
            .tasksEnded(job: Job.ID(9), tasks: IndexRanges(0..<1), .plain(.failed), by: ""),
        ] as [ClusterEvent])
    func `what is told of things that are not there changes nothing`(event: ClusterEvent) throws {
        var site = try Site()
        let before = site.cluster
        #expect(throws: IllegalTransition.self) { try site.apply(event) }
        #expect(site.cluster == before)
    }

    @Test func `jobs stand in line by tier, then by time, then by number`() throws {
        var site = try Site()
        let late = try site.submitted(at: Timestamp(microseconds: 9))
        let early = try site.submitted(at: Timestamp(microseconds: 1))
        let twin = try site.submitted(at: Timestamp(microseconds: 1))
        let urgent = try site.submitted(queue: "urgent", at: Timestamp(microseconds: 99))
        let spot = try site.submitted(queue: "spot")
        #expect(site.cluster.queueOrder.map(\.job) == [urgent, early, twin, late, spot])

        var configuration = ClusterConfiguration()
        configuration.queues[2].tier = 1000
        try site.apply(.configured(configuration))
        #expect(site.cluster.queueOrder.map(\.job) == [spot, urgent, early, twin, late])
        try site.ended(try site.started(spot))
        #expect(site.cluster.queueOrder.map(\.job) == [urgent, early, twin, late])
    }

    @Test func `what holds resources is counted by queue and by user`() throws {
        var site = try Site()
        let job = try site.submitted(tasks: 2)
        let other = try site.submitted(user: "bob")
        let attempt = try site.started(job, 0)
        _ = try site.started(job, 1, cores: 1..<2)
        _ = try site.started(other, cores: 2..<3)
        #expect(site.cluster.runningTasks(queue: "batch") == 3)
        #expect(site.cluster.runningTasks(queue: "batch", user: "ada") == 2)
        try site.waitsAgain(attempt)
        #expect(site.cluster.runningTasks(queue: "batch") == 2)
        #expect(site.cluster.runningTasks(queue: "urgent") == 0)
    }

    /// Any events in any order, most of them impossible: those that throw change nothing, and what is true stays true.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `whatever happens, nothing is given twice and nothing is lost`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var site = try Site(nodes: 2)
        var applied: [ClusterEvent] = []
        for _ in 0..<150 {
            let event = Self.anyEvent(site, using: &random)
            let before = site.cluster
            do {
                try site.apply(event)
                applied.append(event)
            } catch {
                #expect(site.cluster == before)
            }
            Self.check(site.cluster)
        }
        #expect(applied.count > 20)

        var again = try Site(nodes: 2)
        for event in applied { try again.apply(event) }
        #expect(again.cluster == site.cluster, "the cluster is the sum of its events")
    }

    private static func anyEvent(_ site: Site, using random: inout SeededGenerator) -> ClusterEvent {
        let job = Job.ID(UInt64.random(in: 1...max(1, site.cluster.nextJob.number), using: &random))
        let index = site.cluster.jobs[job]?.isArray == true ? Int.random(in: 0..<4, using: &random) : nil
        let task = TaskID(job: job, index: index)
        let node = NodeName("n\(Int.random(in: 1...2, using: &random))")
        let number = max(1, (site.cluster.task(task)?.attempts ?? 1) - Int.random(in: 0...4, using: &random) / 4)
        let attempt = AttemptID(task: task, number: number)
        let first = Int.random(in: 0..<7, using: &random)
        switch Int.random(in: 0..<16, using: &random) {
        case 0, 1:
            let earlier = (1..<site.cluster.nextJob.number).map { Job.ID($0) }.filter { site.cluster.jobs[$0] != nil }
            let condition = Dependency.Condition.allCases.randomElement(using: &random) ?? .ended
            let after =
                Int.random(in: 0..<3, using: &random) > 0
                ? [] : earlier.randomElement(using: &random).map { [Dependency(job: $0, condition: condition)] } ?? []
            return .submitted(
                .plain(
                    site.cluster.nextJob, tasks: Bool.random(using: &random) ? 4 : nil,
                    queue: ["urgent", "spot"].randomElement(using: &random) ?? "batch", after: after))
        case 2, 3, 4, 5:
            let cores = first..<first + Int.random(in: 1...2, using: &random)
            return .started(
                site.attempt(
                    job, index, on: node, cores: cores, gibibytes: Int64.random(in: 0...6, using: &random),
                    qsim: Int.random(in: 0...1, using: &random)), .none)
        case 6: return .launched(attempt: attempt, .plain)
        case 7: return .stopping(attempt: attempt, .cancelled, by: "ada")
        case 8, 9: return .attemptEnded(attempt: attempt, .exit(0), then: .ended(.plain(.succeeded)))
        case 10: return .attemptEnded(attempt: attempt, .exit(1), then: .waits(notBefore: nil, countsAsRetry: true))
        case 11: return .tasksEnded(job: job, tasks: IndexRanges([index ?? 0]), .plain(.cancelled), by: "ada")
        case 12: return .nodeLost(node)
        case 13: return .nodeReturned(node)
        case 14:
            return .nodeJoined(.machine(node, cores: [4, 8].randomElement(using: &random) ?? 8))
        default: return .staleAttemptEnded(attempt: attempt, node: node, .exit(1))
        }
    }

    private static func check(_ cluster: Cluster) {
        for node in cluster.nodes.values {
            var given = CPUSet()
            var bytes: Int64 = 0
            for allocation in node.given.values {
                #expect(given.isDisjoint(with: allocation.cpus))
                given.formUnion(allocation.cpus)
                bytes += allocation.memoryBytes
            }
            #expect(node.free.cpus == node.capacity.cpus.subtracting(given))
            #expect(node.free.memoryBytes == node.capacity.memoryBytes - bytes)
            #expect(node.free.devices.values.allSatisfy { $0 >= 0 })
        }
        let live = cluster.jobs.values.flatMap(\.tasks.values).compactMap(\.state.attempt)
        #expect(Set(live.map(\.fence)).count == live.count)
        #expect(live.allSatisfy { cluster.nodes[$0.allocation.node]?.given[$0.id] == $0.allocation })
        for queue in ["urgent", "spot"] {
            let jobs = cluster.jobs.values.filter { $0.specification.queue == queue }
            #expect(cluster.runningTasks(queue: queue) == jobs.reduce(0) { $0 + $1.active })
        }
        for job in cluster.jobs.values {
            #expect(job.active == job.tasks.values.count { $0.state.attempt != nil })
            #expect(job.waitingAgain == job.tasks.values.count { $0.state.attempt == nil })
            #expect(job.hasWaitingTasks || job.active > 0, "a job without tasks is forgotten")
            #expect(job.waitsFor.allSatisfy { cluster.jobs[$0.job] != nil || job.failedDependency != nil })
        }
        #expect(cluster.queueOrder == cluster.queueOrder.sorted())
        #expect(Set(cluster.queueOrder.map(\.job)) == Set(cluster.jobs.values.filter(\.hasWaitingTasks).map(\.id)))
    }
}
