import BerthModel
import BerthPlanner
import Testing

@Suite struct ThroughputAllocationTests {
    /// One device of each of two types; both jobs are faster on the first, the second far more so.
    private let rivals = [
        ThroughputJob(devices: 1, remainingSteps: 1_000, stepsPerSecond: [2, 1.8]),
        ThroughputJob(devices: 1, remainingSteps: 1_000, stepsPerSecond: [2, 0.2]),
    ]

    @Test(arguments: [ThroughputObjective.makespan, .completionTime])
    func `a type goes to the job that gains most on it`(objective: ThroughputObjective) {
        var jobs = rivals
        jobs[1].remainingSteps = 990
        let places = ThroughputAllocation.plan(jobs, capacities: [1, 1], objective: objective)
        #expect(places == [ThroughputPlacement(type: 1), ThroughputPlacement(type: 0)])
    }

    @Test func `the smallest remaining area runs first when ends are to be early`() {
        let jobs = [
            ThroughputJob(devices: 1, remainingSteps: 300, stepsPerSecond: [1]),
            ThroughputJob(devices: 2, remainingSteps: 100, stepsPerSecond: [1]),
        ]
        let places = ThroughputAllocation.plan(jobs, capacities: [2], objective: .completionTime)
        #expect(places == [nil, ThroughputPlacement(type: 0)])
    }

    @Test func `the longest job runs first when the last end counts`() {
        let jobs = [100, 100, 500].map { ThroughputJob(devices: 1, remainingSteps: $0, stepsPerSecond: [1]) }
        let places = ThroughputAllocation.plan(jobs, capacities: [1], objective: .makespan)
        #expect(places == [nil, nil, ThroughputPlacement(type: 0)])
    }

    @Test func `a job that can run nowhere waits and harms no one`() {
        let jobs = [
            ThroughputJob(devices: 1, remainingSteps: 10, stepsPerSecond: [0, 0]),
            ThroughputJob(devices: 9, remainingSteps: 10, stepsPerSecond: [1, 1]),
            ThroughputJob(devices: 1, remainingSteps: 10, stepsPerSecond: [0, 1]),
        ]
        for objective in [ThroughputObjective.makespan, .completionTime] {
            let places = ThroughputAllocation.plan(jobs, capacities: [2, 2], objective: objective)
            #expect(places == [nil, nil, ThroughputPlacement(type: 1)])
        }
    }

    @Test func `two jobs share a device when together they are faster`() {
        let jobs = [10.0, 10].map { ThroughputJob(devices: 1, remainingSteps: $0, stepsPerSecond: [1]) }
        var shared = SharedThroughput(kinds: 1, types: 1)
        shared.record(.init(first: 0.8, second: 0.8), first: 0, second: 0, type: 0)
        let together = ThroughputAllocation.plan(jobs, capacities: [1], objective: .completionTime, shared: shared)
        #expect(together == [ThroughputPlacement(type: 0, partner: 1), ThroughputPlacement(type: 0, partner: 0)])

        shared.record(.init(first: 0.4, second: 0.4), first: 0, second: 0, type: 0)
        let apart = ThroughputAllocation.plan(jobs, capacities: [1], objective: .completionTime, shared: shared)
        #expect(apart == [ThroughputPlacement(type: 0), nil])
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `no type is given out beyond its devices, and partners agree`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let capacities = (0..<3).map { _ in Int.random(in: 0...12, using: &random) }
        var shared = SharedThroughput(kinds: 4, types: 3)
        for first in 0..<4 {
            for second in 0...first {
                for type in 0..<3 {
                    let rates = SharedThroughput.Rates(
                        first: .random(in: 0...1, using: &random), second: .random(in: 0...1, using: &random))
                    shared.record(rates, first: first, second: second, type: type)
                }
            }
        }
        let jobs = (0..<30).map { _ in
            ThroughputJob(
                devices: [1, 2, 4, 8].randomElement(using: &random) ?? 1,
                remainingSteps: .random(in: 1...1e6, using: &random),
                stepsPerSecond: (0..<3).map { _ in max(0, Double.random(in: -0.3...2, using: &random)) },
                kind: .random(in: 0..<4, using: &random))
        }
        for objective in [ThroughputObjective.makespan, .completionTime] {
            let places = ThroughputAllocation.plan(jobs, capacities: capacities, objective: objective, shared: shared)
            var free = capacities
            for (job, place) in places.enumerated() {
                guard let place else { continue }
                #expect(jobs[job].stepsPerSecond[place.type] > 0)
                if let partner = place.partner {
                    #expect(places[partner] == ThroughputPlacement(type: place.type, partner: job))
                    #expect(jobs[partner].devices == jobs[job].devices)
                }
                if place.partner.map({ $0 > job }) ?? true { free[place.type] -= jobs[job].devices }
            }
            #expect(free.allSatisfy { $0 >= 0 })
        }
    }
}
