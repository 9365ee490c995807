import BerthModel
import BerthPlanner
import Testing

/// Jobs whose speed depends on the type of GPU, on fleets that have several.
struct ThroughputPlanTests {
    private static let throughput = Throughput(["V100": 4, "K80": 1])

    private func fleet(v100: Int, k80: Int) throws -> Scene {
        var scene = Scene()
        for number in 0..<v100 { try scene.join(.node("v\(number)", "Tesla V100")) }
        for number in 0..<k80 { try scene.join(.node("a\(number)", "Tesla K80")) }
        return scene
    }

    private func job(_ minutes: Int64, _ throughput: Throughput? = Self.throughput, limit: Duration? = nil)
        -> WaitingTerms
    {
        let request = ResourceRequest(gpus: GPURequest(thousandths: 1000), throughput: throughput)
        var terms = WaitingTerms.plain(request)
        terms.expectedTime = .seconds(minutes * 60)
        terms.timeLimit = limit
        return terms
    }

    private func names(_ plan: Plan) -> [NodeName] { plan.starts.flatMap(\.allocations).map(\.node) }

    @Test func `of several free types the fastest is taken, whatever else the nodes differ in`() throws {
        var scene = try fleet(v100: 1, k80: 2)
        scene.submit(job(60))
        let plan = scene.plan()
        #expect(names(plan) == ["v0"])
        #expect(plan.starts.first?.decision.candidates.map(\.score.slowdown) == [0, 300, 300])
    }

    @Test func `on a slower type it is expected to take longer, but not beyond its limit`() throws {
        for (limit, expected) in [(nil, 240), (Duration.seconds(3 * 3600), 180)] as [(Duration?, Int64)] {
            var scene = try fleet(v100: 0, k80: 1)
            scene.submit(job(60, limit: limit))
            #expect(scene.plan().starts.map(\.expectedTime) == [.seconds(expected * 60)])
        }
    }

    @Test func `a job waits for a faster type where it is over sooner so, and others may use what it left`() throws {
        var scene = try fleet(v100: 1, k80: 1)
        scene.submit(job(60))
        scene.carryOut(scene.plan())
        // Over after 60 + 60 minutes if it waits, after 240 if it does not.
        let waiting = scene.submit(job(60))
        let reason = scene.planner.waitForFaster(of: waiting, PlanningFacts(), at: scene.now)
        #expect(reason == .faster(node: "v0", from: scene.now + .seconds(3600)))
        let other = scene.submit(job(300, nil))
        let plan = scene.plan()
        #expect(plan.starts.map(\.job) == [other])
        #expect(plan.reservations.map(\.job) == [waiting])
        #expect(plan.reservations.map(\.isChosen) == [true])
        #expect(plan.reservations.map(\.time) == [scene.now + .seconds(3600)])
    }

    @Test func `while one waits for a faster type nobody behind it has the turn`() throws {
        for waits in [true, false] {
            var scene = try fleet(v100: 1, k80: 1)
            scene.submit(job(60))
            scene.carryOut(scene.plan())
            if waits { scene.submit(job(60)) }
            let others = scene.submit(job(300, nil), tasks: 3)
            #expect(scene.plan().firstWaiting == (waits ? nil : others))
        }
    }

    @Test func `it does not wait where the slower type is done before`() throws {
        var scene = try fleet(v100: 1, k80: 1)
        scene.submit(job(300))
        scene.carryOut(scene.plan())
        scene.submit(job(60))
        #expect(names(scene.plan()) == ["a0"])
    }

    @Test func `of a line of equal jobs as many wait as are over sooner so, and the others take what is free`() throws {
        var scene = try fleet(v100: 1, k80: 2)
        scene.submit(job(60))
        scene.carryOut(scene.plan())
        // On the V100 they would be over after 120, 180, 240, 300 minutes; on a K80 after 240.
        scene.submit(job(60), tasks: 4)
        let plan = scene.plan()
        #expect(names(plan) == ["a0", "a1"])
        #expect(plan.reservations.filter(\.isChosen).map(\.time) == [60, 120].map { scene.now + .seconds($0 * 60) })
    }

    @Test func `whose run time is not known takes what there is`() throws {
        var scene = try fleet(v100: 1, k80: 1)
        scene.submit(job(60))
        scene.carryOut(scene.plan())
        var terms = job(60)
        terms.expectedTime = nil
        scene.submit(terms)
        #expect(names(scene.plan()) == ["a0"])
    }

    @Test func `what stands behind a slow job waits as long as that takes there`() throws {
        var scene = try fleet(v100: 0, k80: 1)
        scene.submit(job(60))
        scene.carryOut(scene.plan())
        let waiting = scene.submit(job(60))
        var small = WaitingTerms.plain(ResourceRequest(cpus: 1))
        small.expectedTime = .seconds(86_400)
        scene.submit(small)
        let reservations = scene.plan().reservations
        #expect(reservations.map(\.job) == [waiting])
        #expect(reservations.map(\.time) == [scene.now + .seconds(4 * 3600)])
    }

    /// Jobs that gain differently come to a fleet of three types, to which the planner either knows their throughputs or
    /// not. Where it does, they are over a third sooner on the mean; no seed is an exception.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func `jobs on a mixed fleet are over sooner on the mean than where types are not told apart`(seed: UInt64) throws {
        let (aware, blind) = (try meanFlow(seed: seed, isAware: true), try meanFlow(seed: seed, isAware: false))
        #expect(aware < 0.8 * blind, "seed \(seed): \(aware) s, and \(blind) s where types are not told apart")
    }

    private func meanFlow(seed: UInt64, isAware: Bool) throws -> Double {
        var random = SeededGenerator(seed: seed)
        var scene = Scene()
        for number in 0..<4 {
            try scene.join(
                .node("v\(number)", "Tesla V100"), .node("p\(number)", "Tesla P100"), .node("k\(number)", "Tesla K80"))
        }
        let kinds = [
            ["V100": 10.0, "P100": 4, "K80": 1], ["V100": 3, "P100": 2, "K80": 1],
            ["V100": 1.3, "P100": 1.2, "K80": 1],
        ]
        var arrivals = (0..<150).map { _ in Int64.random(in: 0..<400_000, using: &random) }.sorted()[...]
        var rates: [Job.ID: Throughput] = [:]
        var lengths: [Job.ID: Double] = [:]
        var flow = 0.0
        let start = scene.now
        var ends: [(time: Timestamp, attempt: AttemptID)] = []
        while !arrivals.isEmpty || !ends.isEmpty {
            let next = [arrivals.first.map { start + .seconds($0) }, ends.map(\.time).min()].compactMap { $0 }.min()
            scene.now = next ?? scene.now
            while let arrival = arrivals.first, start + .seconds(arrival) <= scene.now {
                arrivals.removeFirst()
                let throughput = Throughput(kinds.randomElement(using: &random) ?? [:])
                let minutes = Int64.random(in: 30...600, using: &random)
                let id = scene.submit(job(minutes, isAware ? throughput : nil))
                (rates[id], lengths[id]) = (throughput, Double(minutes * 60))
            }
            for ended in ends where ended.time <= scene.now {
                flow += (ended.time - (scene.jobs[ended.attempt.task.job]?.submitTime ?? start)).inSeconds
                scene.end(ended.attempt)
            }
            ends.removeAll { $0.time <= scene.now }
            let known = Set(scene.attempts.map(\.id))
            scene.carryOut(scene.plan())
            for attempt in scene.attempts where !known.contains(attempt.id) {
                let job = attempt.id.task.job
                let model = scene.emptyNode(attempt.allocation.node)?.inventory.devices.compactMap(\.model) ?? []
                let seconds = (lengths[job] ?? 0) / (rates[job]?.speed(on: model) ?? 1)
                ends.append((scene.now + .seconds(Int64(seconds)), attempt.id))
            }
        }
        return flow / 150
    }
}

extension NodeRegistration {
    fileprivate static func node(_ name: String, _ model: String) -> NodeRegistration {
        let gpu = Device(name: "gpu0", kind: "gpu", model: model, memoryBytes: 16 << 30, numaNodes: [0])
        return .machine(NodeName(name), devices: [gpu])
    }
}
