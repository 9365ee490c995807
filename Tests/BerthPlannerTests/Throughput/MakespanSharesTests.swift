import BerthModel
import BerthPlanner
import Testing

@Suite struct MakespanSharesTests {
    @Test func `comparative advantage decides who runs where`() {
        // Alone on its better type each job ends in 100 s; the other way round it would take 200 and 1,000 s.
        let jobs = [
            ThroughputJob(devices: 1, remainingSteps: 100, stepsPerSecond: [1, 0.5]),
            ThroughputJob(devices: 1, remainingSteps: 100, stepsPerSecond: [0.1, 1]),
        ]
        let solution = MakespanShares(jobs, capacities: [1, 1], tolerance: 1e-8)
        #expect(abs(solution.seconds - 100) < 1e-4)
        #expect(abs(solution.shares[0][0] - 1) < 1e-3)
        #expect(abs(solution.shares[1][1] - 1) < 1e-3)
    }

    @Test func `three equal jobs take turns on two devices`() {
        let jobs = [3, 3, 3].map { ThroughputJob(devices: 1, remainingSteps: $0 * 100, stepsPerSecond: [1]) }
        let solution = MakespanShares(jobs, capacities: [2], tolerance: 1e-8)
        #expect(abs(solution.seconds - 450) < 1e-3)
        #expect(solution.shares.allSatisfy { abs($0[0] - 2.0 / 3) < 1e-4 })
    }

    @Test func `no job ends before it could alone`() {
        let jobs = [
            ThroughputJob(devices: 4, remainingSteps: 900, stepsPerSecond: [2, 3]),
            ThroughputJob(devices: 1, remainingSteps: 10, stepsPerSecond: [1, 1]),
        ]
        #expect(abs(MakespanShares(jobs, capacities: [8, 8], tolerance: 1e-8).seconds - 300) < 1e-3)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `shares do all the work within the horizon`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let capacities = [9, 16, 25]
        let jobs = (0..<60).map { _ in
            ThroughputJob(
                devices: [1, 2, 4, 8].randomElement(using: &random) ?? 1,
                remainingSteps: .random(in: 1...1e5, using: &random),
                stepsPerSecond: [Double.random(in: 0.1...9, using: &random), 1, .random(in: 0...2, using: &random)])
        }
        let solution = MakespanShares(jobs, capacities: capacities, tolerance: 1e-8)
        for (job, shares) in zip(jobs, solution.shares) {
            let steps = zip(shares, job.stepsPerSecond).reduce(0) { $0 + $1.0 * $1.1 } * solution.seconds
            #expect(abs(steps - job.remainingSteps) < 1e-3 * job.remainingSteps)
            #expect(shares.reduce(0, +) < 1 + 1e-4)
        }
        for (type, capacity) in capacities.enumerated() {
            let used = zip(jobs, solution.shares).reduce(0) { $0 + Double($1.0.devices) * $1.1[type] }
            #expect(used < Double(capacity) * (1 + 1e-4))
        }
    }
}
