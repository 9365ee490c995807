import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

/// How often starts fall into the bands that were predicted, on a busy cluster that learns its jobs' run times.
struct BandCoverageTests {
    /// Jobs come at random to two nodes, with limits far above their run times; every second that has to wait is
    /// predicted. Who comes later is not foreseen, and so the bands hold less than they say; how much is in
    /// scheduling.md.
    @Test func `wider bands hold more starts, and the widest most of them`() throws {
        var course = try BusyCluster(seed: 7)
        while course.samples.count < 40 { try course.advance() }
        let coverage = Calibration(course.samples).coverage
        let parts = StartPrediction.percents.compactMap { coverage[$0] }
        #expect(parts.count == 3)
        #expect(parts == parts.sorted())
        #expect((parts.last ?? 0) > 0.6, "\(coverage)")
    }
}

/// A cluster that lives by its own plans.
private struct BusyCluster {
    private(set) var samples: [Calibration.Sample] = []
    private var cluster = Cluster()
    private var now = Timestamp(microseconds: 1_800_000_000_000_000)
    private var random: SeededGenerator
    private var nextArrival: Timestamp
    private var predictions: [Job.ID: StartPrediction] = [:]
    private var runSeconds: [Job.ID: Double] = [:]
    private var ends: [(time: Timestamp, attempt: AttemptID)] = []
    private var count = 0

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        nextArrival = now
        try cluster.apply(.configured(ClusterConfiguration()), at: now)
        for name in ["n0", "n1"] as [NodeName] { try cluster.apply(.nodeJoined(.machine(name, cores: 8)), at: now) }
    }

    /// To the next submission or the next end, and to the plan that follows.
    mutating func advance() throws {
        let end = ends.map(\.time).min() ?? nextArrival
        now = min(nextArrival, end)
        let arrived = nextArrival <= end ? try submit() : nil
        if arrived == nil { try endFirst() }
        let before = cluster
        let starts = plan(cluster, at: now).starts
        let waits = !starts.contains { $0.attempt.id.task.job == arrived }
        if let arrived, waits, count > 60, count.isMultiple(of: 2) {
            predictions[arrived] = Calibration.prediction(for: arrived, in: before, at: now)
        }
        for start in starts { try begin(start) }
    }

    private mutating func submit() throws -> Job.ID {
        count += 1
        let kind = Int.random(in: 0..<6, using: &random)
        let usual = [120.0, 300, 700, 1500, 3600, 9000][kind]
        var specification = JobSpecification.plain(.cores([4, 1, 2, 4, 2, 1][kind])) { $0.name = "kind\(kind)" }
        specification.timeLimit = .seconds(Int64(usual * 5))
        let id = cluster.nextJob
        let submission = Submission(
            id: id, specification: specification, user: "user\(kind % 3)", submitTime: now, key: "key\(id)",
            contentDigest: "")
        try cluster.apply(.submitted(submission), at: now)
        runSeconds[id] = usual * Double.random(in: 0.4...2, using: &random)
        // 14 of the 16 cores are in use on the mean.
        nextArrival = now + .seconds(Int64.random(in: 20...700, using: &random))
        return id
    }

    private mutating func begin(_ start: ClusterPlan.Start) throws {
        let (id, job) = (start.attempt.id, start.attempt.id.task.job)
        try cluster.apply(.started(start.attempt, start.decision), at: now)
        let launch = Launch(startTime: now, bound: Binding(cpus: CPUSet()))
        try cluster.apply(.launched(attempt: id, launch), at: now)
        ends.append((now + .seconds(Int64(runSeconds[job] ?? 1)), id))
        if let prediction = predictions[job] { samples.append(.init(prediction: prediction, start: now)) }
    }

    private mutating func endFirst() throws {
        guard let place = ends.indices.min(by: { ends[$0].time < ends[$1].time }) else { return }
        let ended = ends.remove(at: place)
        let end = AttemptEnd(cause: .exit, exitCode: 0, endTime: now)
        let outcome = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
        try cluster.apply(.attemptEnded(attempt: ended.attempt, end, then: .ended(outcome)), at: now)
    }
}
