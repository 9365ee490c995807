import BerthModel
import BerthPlanner
import Testing

/// Who is stopped for whom, on random clusters. A failure prints its seed, and the seed alone brings it back.
struct PreemptionPropertyTests {
    // MARK: - Small clusters, many cases

    /// One or two nodes of four cores, with jobs of five tiers of which the lower four may be stopped, and of projects
    /// that hold their quota or borrow.
    private struct SmallSite {
        var scene: Scene
        var random: SeededGenerator
        var plans = 0
        private var isBorrowingInTier: Bool

        init(seed: UInt64) throws {
            random = SeededGenerator(seed: seed)
            var configuration = ClusterConfiguration(
                queues: (0..<5).map { Queue(name: "q\($0)", tier: $0, isPreemptible: $0 < 4) })
            isBorrowingInTier = random.isOne(in: 3)
            if isBorrowingInTier {
                configuration.planning.quotas = [.init(project: "p", cores: 4), .init(project: "r", cores: 2)]
            }
            scene = Scene(configuration)
            try scene.join(.machine("a"))
            if random.isOne(in: 2) { try scene.join(.machine("b")) }
        }

        /// Somebody submits, something ends, or time goes by.
        mutating func happen() {
            switch Int.random(in: 0..<8, using: &random) {
            case 0...4:
                let request = ResourceRequest(
                    cpus: Int.random(in: 1...4, using: &random),
                    nodes: scene.nodeNames.count > 1 && random.isOne(in: 6) ? 2 : 1)
                let tier = Int.random(in: 0..<5, using: &random)
                let project = ["p", "r"].randomElement(using: &random)
                scene.submit(.plain(request, queue: "q\(tier)", project: isBorrowingInTier ? project : nil))
            case 5...6:
                guard let attempt = scene.attempts.randomElement(using: &random) else { return }
                scene.end(attempt.id, returns: attempt.isStopping)
            default: scene.now = scene.now + .seconds(Int64.random(in: 1...600, using: &random))
            }
            let waiting = scene.waitingJobs
            if waiting.count > 5, let job = waiting.first { scene.withdraw(job) }
        }

        /// Plans once and checks each preemption. Victims end at once, or stay a while.
        ///
        /// - Returns: whether anything was decided.
        mutating func plan() throws -> Bool {
            let before = scene
            let plan = scene.plan()
            plans += 1
            scene.carryOut(plan)
            for (number, preemption) in plan.preemptions.enumerated() {
                let leaving = Set(plan.preemptions.prefix(number).flatMap(\.victims))
                    .union(before.attempts.filter(\.isStopping).map(\.id))
                try Self.check(preemption, leaving: leaving, plan, before)
                if random.isOne(in: 4) { continue }
                for victim in preemption.victims { scene.end(victim, returns: true) }
            }
            return !plan.starts.isEmpty || !plan.preemptions.isEmpty
        }

        /// The victims come after whom they are stopped for; without them it has room, and with any one of them kept it
        /// does not. With it in their stead, the counts of attempts by place, the highest place first, rise.
        private static func check(
            _ preemption: Plan.Preemption, leaving: Set<AttemptID>, _ plan: Plan, _ before: Scene
        ) throws {
            let job = try #require(before.jobs[preemption.job])
            let request = job.terms.shapes[0].request
            let reservation = try #require(plan.reservations.first { preemption.isMade(for: $0, in: before) })
            let started = plan.starts.flatMap(\.allocations)
            let borrows = borrows(job.terms, before)
            let victims = before.attempts.filter { preemption.victims.contains($0.id) }
            try #require(victims.count == preemption.victims.count && !victims.isEmpty)
            try #require(reservation.nodes.count == request.nodes)
            let tier = before.configuration.queue(job.terms.queue)?.tier ?? 0
            let own = place(tier, isBorrowing: borrows)
            for victim in victims {
                try #require(victim.isPreemptible && !leaving.contains(victim.id))
                try #require(place(victim.tier, isBorrowing: victim.isBorrowing) < own)
            }
            var spared = Set(victims.map(\.id))
            for name in reservation.nodes {
                let here = before.running[name] ?? []
                let kept = here.filter { !leaving.contains($0.id) && !preemption.victims.contains($0.id) }
                let cores = (kept.map(\.allocation) + started.filter { $0.node == name }).reduce(0) {
                    $0 + $1.coreCount
                }
                try #require(cores + request.cpus <= 4, "there is room without them")
                for victim in here where cores + victim.allocation.coreCount + request.cpus > 4 {
                    spared.remove(victim.id)
                }
            }
            try #require(spared.isEmpty, "all of them are needed")
            var counts = [Int](repeating: 0, count: 10)
            for victim in victims { counts[9 - place(victim.tier, isBorrowing: victim.isBorrowing)] -= 1 }
            counts[9 - own] += 1
            try #require(counts.first { $0 != 0 } == 1, "the potential rises")
        }

        private static func place(_ tier: Int, isBorrowing: Bool) -> Int { 2 * tier + (isBorrowing ? 0 : 1) }

        /// Whether its project holds its quota already, whatever the plan starts beside.
        private static func borrows(_ terms: WaitingTerms, _ before: Scene) -> Bool {
            guard let quota = before.configuration.planning.quota(of: terms.project ?? "") else { return false }
            let held = before.running.values.joined().filter { $0.project == terms.project }
            let request = terms.shapes[0].request
            return held.reduce(0) { $0 + $1.allocation.coreCount } + request.cpus * request.nodes > quota.cores
        }
    }

    /// In all some twenty thousand plans, each after something has happened; and when nothing more does, it soon gets
    /// quiet, though whoever was stopped comes back each time.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func `each victim is needed and comes after whom it is stopped for, and stopping ends`(seed: UInt64) throws {
        var plans = 0
        for part in 0..<5 as Range<UInt64> {
            var site = try SmallSite(seed: seed * 5 + part)
            while site.plans < 180 {
                site.happen()
                _ = try site.plan()
            }
            for attempt in site.scene.attempts where attempt.isStopping { site.scene.end(attempt.id, returns: true) }
            var isQuiet = false
            for _ in 0..<20 where !isQuiet {
                isQuiet = try !site.plan()
                for attempt in site.scene.attempts where attempt.isStopping {
                    site.scene.end(attempt.id, returns: true)
                    isQuiet = false
                }
            }
            try #require(isQuiet, "site \(seed * 5 + part)")
            plans += site.plans
        }
        #expect(plans > 900)
    }

    // MARK: - Rich clusters

    /// Whether a task of these terms starts on these nodes once the attempts are gone, whatever limits there are.
    private func starts(
        _ job: Job.ID, _ terms: WaitingTerms, on names: [NodeName], of scene: Scene, without gone: Set<AttemptID>,
        beside started: [Plan.Start]
    ) -> Bool {
        var configuration = scene.configuration
        configuration.planning.quotas = []
        configuration.queues = configuration.queues.map { Queue(name: $0.name, tier: $0.tier) }
        var planner = Planner(configuration)
        for name in names {
            guard var node = scene.emptyNode(name) else { return false }
            for attempt in scene.running[name] ?? [] where !gone.contains(attempt.id) { node.take(attempt.allocation) }
            for allocation in started.flatMap(\.allocations) where allocation.node == name { node.take(allocation) }
            planner.put(node, running: [], at: scene.now)
        }
        planner.put(WaitingJob(id: job, submitTime: scene.now), terms, at: scene.now)
        return !planner.plan(PlanningFacts(), at: scene.now).starts.isEmpty
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `on nodes of all kinds the job has room without its victims, and with none of them spared`(seed: UInt64) throws
    {
        var random = SeededGenerator(seed: seed)
        var scene = try Scene.random(using: &random)
        for _ in 0..<100 {
            try scene.happen(using: &random)
            if scene.waitingJobs.count > 12, let job = scene.waitingJobs.first { scene.withdraw(job) }
            let before = scene
            let plan = scene.plan()
            scene.carryOut(plan)
            var stopping = Set(before.attempts.filter(\.isStopping).map(\.id))
            for preemption in plan.preemptions {
                defer { stopping.formUnion(preemption.victims) }
                let reservation = try #require(plan.reservations.first { preemption.isMade(for: $0, in: before) })
                var terms = try #require(before.jobs[preemption.job]?.terms)
                terms.shapes = [terms.shapes[reservation.shape]]
                // What else the plan starts it may have decided later, and only takes room.
                func hasRoom(without victims: [AttemptID], beside starts: [Plan.Start]) -> Bool {
                    self.starts(
                        preemption.job, terms, on: reservation.nodes, of: before, without: stopping.union(victims),
                        beside: starts)
                }
                #expect(Set(preemption.victims).count == preemption.victims.count)
                #expect(hasRoom(without: preemption.victims, beside: []))
                guard preemption.victims.count <= 6 else { continue }
                for subset in 0..<(1 << preemption.victims.count) - 1 {
                    let spared = preemption.victims.indices.filter { subset & 1 << $0 == 0 }
                    let gone = preemption.victims.indices.filter { !spared.contains($0) }.map { preemption.victims[$0] }
                    #expect(
                        !hasRoom(without: gone, beside: plan.starts),
                        "\(spared.map { preemption.victims[$0] }) need not go")
                }
            }
        }
    }
}

extension Plan.Preemption {
    /// A job may have two places kept free: one for tasks that were preempted, one for others.
    fileprivate func isMade(for reservation: Plan.Reservation, in scene: Scene) -> Bool {
        let here = Set(reservation.nodes.flatMap { scene.running[$0] ?? [] }.map(\.id))
        return reservation.job == job && here.isSuperset(of: victims)
    }
}
