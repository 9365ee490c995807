import BerthModel
import BerthPlanner
import Testing

/// What a reservation promises, where everybody runs exactly as long as expected and line order is the order of
/// submission. Whole cores only: where jobs that count threads break cores up, a reservation is kept in amounts, and the
/// cores that make it up may be others than it was reckoned with.
struct BackfillPropertyTests {
    private struct Site {
        var scene: Scene
        var random: SeededGenerator
        /// The first time by which each job was promised to start, while it was promised one.
        var promises: [Job.ID: Timestamp] = [:]
        var broken: [String] = []

        init(seed: UInt64, depth: Int) throws {
            random = SeededGenerator(seed: seed)
            var configuration = ClusterConfiguration(queues: [Queue(name: "batch", tier: 5)])
            configuration.planning.priority = .init(fairShare: 0, wait: 0)
            configuration.planning.backfill.depth = depth
            scene = Scene(configuration)
            for number in 0..<Int.random(in: 1...4, using: &random) {
                let cores = Int.random(in: 2...6, using: &random)
                try scene.join(.machine(NodeName("n\(number)"), cores: cores, threads: 2))
            }
        }

        mutating func submit(isSmall: Bool) {
            let request = ResourceRequest(
                cpus: Int.random(in: 1...(isSmall ? 2 : 4), using: &random),
                memoryBytes: random.isOne(in: 2) ? Int64.random(in: 1...(isSmall ? 4 : 14), using: &random) << 30 : nil,
                nodes: isSmall ? 1 : min(scene.nodeNames.count, Int.random(in: 1...3, using: &random)))
            let time = Duration.seconds(Int64.random(in: 1...(isSmall ? 20 : 60), using: &random) * 30)
            scene.submit(
                .plain(request, user: "u\(Int.random(in: 0..<99, using: &random))", expected: time, limit: time))
        }

        /// The next end or arrival, whichever is first.
        mutating func step(_ number: Int) {
            let ends = scene.attempts.map { $0.expectedEnd(at: $0.startTime) }
            let arrival = scene.now + .seconds(Int64.random(in: 0...120, using: &random))
            scene.now = min(ends.min() ?? arrival, arrival)
            for attempt in scene.attempts where attempt.expectedEnd(at: attempt.startTime) <= scene.now {
                scene.end(attempt.id)
            }
            if scene.now == arrival { submit(isSmall: number > 20) }
        }

        mutating func plan() {
            let plan = scene.plan()
            for reservation in plan.reservations.prefix(1) {
                promises[reservation.job] = min(promises[reservation.job] ?? .latest, reservation.time)
            }
            for (job, time) in promises
            where time < scene.now && scene.waitingJobs.contains(job)
                && !plan.starts.contains(where: { $0.job == job })
            {
                broken.append("job \(job) was to start at \(time), and it is \(scene.now)")
                promises[job] = nil
            }
            for start in plan.starts {
                if let time = promises.removeValue(forKey: start.job), time < scene.now {
                    broken.append("job \(start.job) started at \(scene.now), not by \(time)")
                }
            }
            scene.carryOut(plan)
        }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `the first in line starts no later than promised, whatever comes after it`(seed: UInt64) throws {
        var site = try Site(seed: seed, depth: seed % 2 == 0 ? 1 : 4)
        for number in 0..<200 {
            site.step(number)
            site.plan()
        }
        #expect(site.broken.isEmpty, "\(site.broken.first ?? "")")
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `where all in line have reservations, none is moved by those that come after it`(seed: UInt64) throws {
        var site = try Site(seed: seed, depth: 10_000)
        for number in 0..<120 {
            site.step(number)
            let line = site.scene.waitingJobs
            let first = Set(line.prefix(Int.random(in: 0...line.count, using: &site.random)))
            var planner = site.scene.newPlanner(using: &site.random) { first.contains($0) }
            let ahead = planner.plan(PlanningFacts(), at: site.scene.now)
            let all = site.scene.plan()
            #expect(all.starts.map(\.allocations).starts(with: ahead.starts.map(\.allocations)))
            for reservation in ahead.reservations { #expect(all.reservations.contains(reservation)) }
            site.scene.carryOut(all)
        }
    }

    /// A job that is passed over becomes overdue after `Patience`, sixty hours. Then it comes before
    /// all others of its tier that are not, so the first reservation is its own and nobody who comes later may delay
    /// it: it starts when those that run by then have ended.
    @Test func `an endless stream of small jobs of ever new users does not keep a wide one waiting for ever`() throws {
        var scene = Scene()
        try scene.join(.machine("a"), .machine("b"))
        for number in 0..<8 { scene.submit(.plain(.init(cpus: 1), user: "v\(number)", expected: .seconds(7200))) }
        scene.carryOut(scene.plan())
        let submitTime = scene.now
        let wide = scene.submit(.plain(.init(cpus: 4, nodes: 2), user: "wide", expected: .seconds(36_000)))
        var number = 0
        while scene.jobs[wide]?.waiting == 1, scene.now - submitTime < .seconds(200 * 3600) {
            scene.now = scene.now + .seconds(900)
            for attempt in scene.attempts where attempt.expectedEnd(at: attempt.startTime) <= scene.now {
                scene.end(attempt.id)
            }
            while scene.waitingJobs.count < 12 {
                number += 1
                scene.submit(.plain(.init(cpus: 1), user: "u\(number)", expected: .seconds(7200)))
            }
            scene.carryOut(scene.plan())
        }
        #expect(scene.now - submitTime <= .seconds(60 * 3600 + 7200 + 900))
    }
}

extension Timestamp {
    fileprivate static let latest = Timestamp(microseconds: .max)
}
