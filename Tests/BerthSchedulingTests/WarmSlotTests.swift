import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

/// Jobs that name a pool go where their user has a warm slot.
struct WarmSlotTests {
    /// Three nodes with a pool, of which the planner takes the first where nothing else counts.
    private struct Scene {
        var cluster = Cluster()
        var now = Timestamp(microseconds: 1_800_000_000_000_000)

        init() throws {
            try cluster.apply(.configured(ClusterConfiguration()), at: now)
            for node in ["a", "b", "c"] as [NodeName] {
                let model = node == "c" ? "Tesla K80" : "Tesla V100"
                var machine = NodeRegistration.machine(node, devices: [.gpu(0, model)])
                machine.inventoryDigest = model
                machine.pools = [PoolDefinition(name: "numpy", command: ["python3"], idleTime: .seconds(600))]
                try cluster.apply(.nodeJoined(machine), at: now)
            }
        }

        /// Where a job of the pool starts, and why.
        mutating func start(
            user: String = "ada", _ change: (inout JobSpecification) -> Void = { _ in }
        ) throws -> (attempt: Attempt, score: PlacementScore) {
            let id = cluster.nextJob
            let submission = Submission.plain(id, .cores(1), user: user, at: now) {
                $0.pool = "numpy"
                change(&$0)
            }
            try cluster.apply(.submitted(submission), at: now)
            let start = try #require(plan(cluster, at: now).starts.first { $0.attempt.id.task.job == id })
            try cluster.apply(.started(start.attempt, start.decision), at: now)
            return (start.attempt, try #require(start.decision.candidates.first?.score))
        }

        /// Has a job run on a node for a second.
        mutating func run(on node: NodeName, user: String = "ada", _ use: PoolUse) throws {
            let attempt = try start(user: user) {
                $0.constraints = [try! Expression("node.name == '\(node)'")]
            }.attempt
            try cluster.apply(.launched(attempt: attempt.id, launch(use)), at: now)
            now = now + .seconds(1)
            try end(attempt)
        }

        func launch(_ use: PoolUse) -> Launch {
            var launch = Launch(startTime: now, bound: Binding(cpus: CPUSet()))
            launch.pool = use
            return launch
        }

        mutating func end(_ attempt: Attempt) throws {
            let succeeded = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
            let end = AttemptEnd(cause: .exit, exitCode: 0, endTime: now)
            try cluster.apply(.attemptEnded(attempt: attempt.id, end, then: .ended(succeeded)), at: now)
        }
    }

    private let cold = PoolUse(pool: "numpy", miss: .coldStart)
    private let warm = PoolUse(pool: "numpy", secondsSaved: 2)

    @Test func `a job goes where the first one has begun a slot, and another user's does not`() throws {
        var scene = try Scene()
        #expect(try scene.start().attempt.allocation.node == "a")
        try scene.run(on: "b", cold)
        let next = try scene.start()
        #expect(next.attempt.allocation.node == "b" && next.score.secondsSaved == 0)
        let other = try scene.start(user: "bob")
        #expect(other.attempt.allocation.node == "a" && other.score.secondsSaved == nil)
    }

    @Test func `of two warm slots the one that saves more is taken, and none that has gone`() throws {
        var scene = try Scene()
        try scene.run(on: "b", warm)
        try scene.run(on: "a", PoolUse(pool: "numpy", secondsSaved: 1))
        #expect(try scene.start().attempt.allocation.node == "b")
        scene.now = scene.now + .seconds(601)
        #expect(try scene.start().score.secondsSaved == nil)
    }

    @Test func `a slot stays while a job of it runs, and goes with a failure and with its node`() throws {
        var scene = try Scene()
        let running = try scene.start { $0.constraints = [try! Expression("node.name == 'b'")] }.attempt
        try scene.cluster.apply(.launched(attempt: running.id, scene.launch(warm)), at: scene.now)
        scene.now = scene.now + .seconds(86_400)
        #expect(try scene.start().attempt.allocation.node == "b")
        try scene.run(on: "b", PoolUse(pool: "numpy", miss: .serverFailed))
        #expect(try scene.start().score.secondsSaved == nil)
        try scene.run(on: "b", warm)
        #expect(try scene.start().score.secondsSaved == 2)
        try scene.cluster.apply(.nodeLost("b"), at: scene.now)
        #expect(try scene.start().score.secondsSaved == nil)
    }

    @Test(arguments: [(3, "c"), (30, "a")] as [(Int64, NodeName)])
    func `a slot on a slower node is taken where it saves more than is lost there`(
        seconds: Int64, node: NodeName
    ) throws {
        var scene = try Scene()
        try scene.run(on: "c", PoolUse(pool: "numpy", secondsSaved: 10))
        let start = try scene.start {
            $0.resources = .gpus(1000)
            $0.resources.throughput = Throughput(["V100": 4, "K80": 1])
            $0.expectedTime = .seconds(seconds)
        }
        #expect(start.attempt.allocation.node == node)
    }

    @Test func `what is remembered is bounded`() throws {
        var scene = try Scene()
        for number in 0..<WarmSlots.keptPools + 8 { try scene.run(on: "b", user: "user\(number)", warm) }
        let slots = scene.cluster.warmSlots
        #expect(slots.places(of: "numpy", user: "user0", at: scene.now).isEmpty)
        let last = "user\(WarmSlots.keptPools + 7)"
        #expect(Array(slots.places(of: "numpy", user: last, at: scene.now).keys) == ["b"])
    }
}
