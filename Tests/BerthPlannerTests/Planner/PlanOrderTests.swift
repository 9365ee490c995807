import BerthModel
import BerthPlanner
import Testing

/// Who comes first: fair share, half-life, preempted jobs, quotas.
struct PlanOrderTests {
    /// What users have used, as a cluster's events leave it.
    private struct Ledger {
        var cluster = Cluster()
        private var job: UInt64 = 1

        init(halfLife: Duration = .seconds(7 * 86_400)) throws {
            var configuration = ClusterConfiguration()
            configuration.planning.fairShare.halfLife = halfLife
            try cluster.apply(.configured(configuration), at: .epoch)
            try cluster.apply(.nodeJoined(.machine("ledger", cores: 16)), at: .epoch)
        }

        /// The user held so many cores for so long.
        mutating func used(
            _ user: String, project: String? = nil, cores: Int, from start: Timestamp, for time: Duration
        )
            throws
        {
            let id = Job.ID(job)
            job += 1
            var specification = JobSpecification(name: "job", command: ["true"], workingDirectory: "/", queue: "batch")
            specification.resources = ResourceRequest(cpus: cores)
            specification.project = project
            try cluster.apply(
                .submitted(
                    Submission(
                        id: id, specification: specification, user: user, submitTime: start, key: "key\(id)",
                        contentDigest: "")), at: start)
            let attempt = Attempt(
                id: AttemptID(task: TaskID(job: id), number: 1), fence: cluster.nextFence,
                allocation: Allocation(node: "ledger", cpus: CPUSet(0..<cores), coreCount: cores), plannedTime: start)
            let decision = Decision(
                policy: "", saw: "", jobsAhead: 0, nodesConsidered: 1, candidates: [], rejected: [:])
            try cluster.apply(.started(attempt, decision), at: start)
            let end = start + time
            let outcome = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
            try cluster.apply(
                .attemptEnded(
                    attempt: attempt.id, AttemptEnd(cause: .exit, exitCode: 0, endTime: end), then: .ended(outcome)),
                at: end)
        }

        var facts: PlanningFacts { PlanningFacts(usage: cluster.usage) }
    }

    private func scene(_ planning: PlanningConfiguration = PlanningConfiguration(), queues: [Queue] = Queue.shipped)
        throws -> Scene
    {
        var scene = Scene(ClusterConfiguration(queues: queues, planning: planning))
        try scene.join(.machine("a"))
        return scene
    }

    @Test func `of two users with equal shares the one who used less comes first`() throws {
        var scene = try scene()
        var ledger = try Ledger()
        try ledger.used("ada", cores: 8, from: scene.now - .seconds(7200), for: .seconds(3600))
        try ledger.used("bob", cores: 2, from: scene.now - .seconds(7200), for: .seconds(3600))
        scene.submit(.plain(.init(cpus: 4), user: "ada"))
        let bob = scene.submit(.plain(.init(cpus: 4), user: "bob"))
        #expect(scene.plan(ledger.facts).starts.map(\.job) == [bob])
    }

    @Test func `a project with twice the share may use twice as much`() throws {
        var planning = PlanningConfiguration()
        planning.fairShare.projectShares = ["big": 4]
        var scene = try scene(planning)
        var ledger = try Ledger()
        try ledger.used("ada", project: "big", cores: 6, from: scene.now - .seconds(7200), for: .seconds(3600))
        try ledger.used("bob", project: "small", cores: 4, from: scene.now - .seconds(7200), for: .seconds(3600))
        scene.submit(.plain(.init(cpus: 4), user: "bob", project: "small"))
        let big = scene.submit(.plain(.init(cpus: 4), user: "ada", project: "big"))
        #expect(scene.plan(ledger.facts).starts.map(\.job) == [big])
    }

    /// Ada used more, but ten half-lives ago; that is a thousandth now.
    @Test func `use is forgotten by its half-life`() throws {
        for (halfLife, isForgotten) in [(Duration.seconds(3600), true), (.seconds(3_600_000), false)] {
            var planning = PlanningConfiguration()
            planning.fairShare.halfLife = halfLife
            var scene = try scene(planning)
            var ledger = try Ledger(halfLife: halfLife)
            try ledger.used("ada", cores: 8, from: scene.now - .seconds(40_000), for: .seconds(3600))
            try ledger.used("bob", cores: 1, from: scene.now - .seconds(3600), for: .seconds(1800))
            let ada = scene.submit(.plain(.init(cpus: 4), user: "ada"))
            let bob = scene.submit(.plain(.init(cpus: 4), user: "bob"))
            #expect(scene.plan(ledger.facts).starts.map(\.job) == [isForgotten ? ada : bob])
        }
    }

    @Test(arguments: [(-1.0, false), (1.0, true)])
    func `a job that has waited for its patience comes first, whatever its user has used`(
        seconds: Double, isFirst: Bool
    )
        throws
    {
        var scene = try scene()
        var ledger = try Ledger()
        try ledger.used("ada", cores: 8, from: scene.now - .seconds(7200), for: .seconds(3600))
        let large = scene.submit(.plain(.init(cpus: 4), user: "ada", expected: .seconds(86_400)))
        scene.now = scene.now + .seconds(Patience.ordinarySeconds + seconds)
        let short = scene.submit(.plain(.init(cpus: 4), user: "bob", expected: .seconds(60)))
        #expect(scene.plan(ledger.facts).starts.map(\.job) == [isFirst ? large : short])
    }

    @Test func `whoever was preempted comes before its peers`() throws {
        var scene = try scene()
        let stopped = scene.submit(.plain(.init(cpus: 4), queue: "spot"))
        scene.carryOut(scene.plan())
        let urgent = scene.submit(.plain(.init(cpus: 4), queue: "urgent"))
        scene.now = scene.now + .seconds(60)
        scene.submit(.plain(.init(cpus: 4), queue: "spot", user: "bob"))
        #expect(scene.plan().preemptions.map(\.job) == [urgent])
        for attempt in scene.attempts { scene.end(attempt.id, returns: true) }
        scene.withdraw(urgent)
        #expect(scene.plan().starts.map(\.job) == [stopped])
    }

    @Test(arguments: [0, 32], [ResourceRequest(cpus: 4, nodes: 2), ResourceRequest(nodes: 2, isExclusive: true)])
    func `what those that gave way leave one after the other stays free until all have`(
        depth: Int, request: ResourceRequest
    ) throws {
        var planning = PlanningConfiguration()
        planning.backfill.depth = depth
        var scene = try scene(planning)
        try scene.join(.machine("b"))
        let spot = scene.submit(.plain(ResourceRequest(cpus: 4), queue: "spot"), tasks: 10)
        scene.carryOut(scene.plan())
        let gang = scene.submit(.plain(request))
        let plan = scene.plan()
        let victims = scene.attempts.map(\.id)
        #expect(plan.preemptions.map { Set($0.victims) } == [Set(victims)])
        scene.carryOut(plan)

        scene.end(victims[0], returns: true)
        #expect(scene.plan().starts.isEmpty)
        scene.end(victims[1], returns: true)
        #expect(scene.plan().starts.map(\.job) == [gang])
        #expect(scene.jobs[spot]?.returning == 2)
    }

    @Test func `who borrows gives way to the lender, and not the other way round`() throws {
        var planning = PlanningConfiguration()
        planning.quotas = [.init(project: "lender", cores: 4), .init(project: "borrower", cores: 0)]
        var scene = try scene(planning, queues: [Queue(name: "batch", tier: 5, isPreemptible: true)])
        let borrowing = scene.submit(.plain(.init(cpus: 4), project: "borrower"))
        scene.carryOut(scene.plan())
        #expect(scene.attempts.map(\.isBorrowing) == [true])

        let own = scene.submit(.plain(.init(cpus: 4), user: "bob", project: "lender"))
        let plan = scene.plan()
        #expect(plan.preemptions.map(\.job) == [own])
        #expect(plan.preemptions.flatMap(\.victims).map(\.task.job) == [borrowing])
        for attempt in scene.attempts { scene.end(attempt.id, returns: true) }
        scene.carryOut(scene.plan())
        #expect(scene.attempts.map(\.id.task.job) == [own])
        #expect(scene.plan().preemptions.isEmpty)
    }

    @Test func `what is not lent stays free for its owner`() throws {
        var planning = PlanningConfiguration()
        planning.quotas = [.init(project: "owner", cores: 3, lends: false)]
        var scene = try scene(planning)
        for _ in 0..<4 { scene.submit(.plain(.init(cpus: 1), project: "other")) }
        scene.carryOut(scene.plan())
        #expect(scene.attempts.count == 1)
        let own = scene.submit(.plain(.init(cpus: 3), project: "owner"))
        #expect(scene.plan().starts.map(\.job) == [own])
    }

    @Test func `a quota that was used up in the same plan counts at once`() throws {
        var planning = PlanningConfiguration()
        planning.quotas = [.init(project: "p", cores: 2)]
        var scene = try scene(planning)
        scene.submit(.plain(.init(cpus: 2), user: "ada", project: "p"))
        scene.submit(.plain(.init(cpus: 1), user: "bob", project: "p"))
        #expect(scene.plan().starts.map(\.isBorrowing) == [false, true])
    }

    /// The value was worked out once. It is another only where plans are decided otherwise; then `planningPolicy` is
    /// another as well.
    @Test func `a plan does not depend on the process that makes it`() throws {
        var digests = StableHasher()
        for seed in 0..<20 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var scene = try Scene.random(using: &random)
            for _ in 0..<40 {
                try scene.happen(using: &random)
                let plan = scene.plan()
                digests.combine(PlanRecord(plan).digest)
                scene.carryOut(plan)
            }
        }
        #expect(digests.text == "58d3f3227b439dca")
    }
}
