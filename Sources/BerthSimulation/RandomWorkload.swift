package import BerthModel
package import BerthScheduling

/// Draws what users do: jobs of every kind that the synthetic fleet can run, and interventions.
package struct RandomWorkload: Sendable {
    private var submissions = 0
    private static let users = ["ada", "grace", "kurt"]

    /// The shipped queues, and one with limits; and Berth steps in sooner than it does elsewhere.
    package static let configuration = {
        var configuration = ClusterConfiguration(
            queues: Queue.shipped + [Queue(name: "narrow", tier: 60, maximumRunning: 3, maximumRunningPerUser: 2)],
            failures: FailureLimits(
                family: 5, nodeFaults: 3, nodeFailures: 4, losses: 4,
                lossBackoff: .init(initial: .seconds(1), maximum: .seconds(60))))
        // What is short here takes minutes.
        configuration.planning.successors = .init(ahead: .seconds(900), most: 3, patience: .seconds(1200))
        return configuration
    }()

    package init() {}

    /// One to three jobs under a key of their own.
    ///
    /// - Parameter known: jobs that exist, for some to wait for.
    package mutating func submission(
        known: [Job.ID], at now: Timestamp, using random: inout SeededGenerator
    ) -> Dispatcher.SubmissionRequest {
        submissions += 1
        let user = Self.users.randomElement(using: &random) ?? ""
        var jobs: [Dispatcher.RequestedJob] = []
        for place in 0..<(random.chance(0.2) ? 3 : 1) {
            var job = Dispatcher.RequestedJob(specification(known: known, at: now, using: &random))
            if place > 0, random.chance(0.7) { job.dependsOn = [(place - 1, Self.condition(using: &random))] }
            jobs.append(job)
        }
        let key = "submission \(submissions)"
        return Dispatcher.SubmissionRequest(jobs: jobs, user: user, key: key, contentDigest: key)
    }

    private static func condition(using random: inout SeededGenerator) -> Dependency.Condition {
        Dependency.Condition.allCases.randomElement(using: &random) ?? .ended
    }

    private func specification(known: [Job.ID], at now: Timestamp, using random: inout SeededGenerator)
        -> JobSpecification
    {
        let queue = ["batch", "batch", "urgent", "spot", "narrow"].randomElement(using: &random) ?? "batch"
        var job = JobSpecification(
            name: ["fit \(submissions)", "sweep", "plot", "job \(submissions)"].randomElement(using: &random) ?? "",
            command: ["work"], workingDirectory: "/", queue: queue)
        job.resources = request(using: &random)
        if random.chance(0.1) { job.alternatives = [ResourceRequest(cpus: 1)] }
        job.expectedTime = random.duration(.seconds(5) ... .seconds(1500))
        if random.chance(0.2) { job.timeLimit = random.duration(.seconds(60) ... .seconds(1500)) }
        if random.chance(0.2) { job.grace = random.duration(.zero ... .seconds(60)) }
        if random.chance(0.1) { job.begin = now + random.duration(.seconds(10) ... .seconds(1800)) }
        if random.chance(0.05) { job.deadline = now + random.duration(.seconds(60) ... .seconds(3600)) }
        job.isHeld = random.chance(0.08)
        if random.chance(0.5) {
            job.retry = RetryPolicy(attempts: 2, on: Set(RetryPolicy.Failure.allCases))
        }
        if random.chance(0.25) {
            job.array = ArraySpecification(
                indices: IndexRanges(0..<Int.random(in: 1...(random.chance(0.3) ? 60 : 12), using: &random)),
                parallel: random.chance(0.4) ? Int.random(in: 1...3, using: &random) : nil)
        }
        if random.chance(0.06) {
            job.name = "broken \(submissions)"
            job.labels[ProcessFate.brokenLabel] = "yes"
            job.retry = nil
            if random.chance(0.5) { job.array = ArraySpecification(indices: IndexRanges(0..<16)) }
        }
        if random.chance(0.2), let dependency = known.randomElement(using: &random) {
            job.dependencies = [Dependency(job: dependency, condition: Self.condition(using: &random))]
        }
        return job
    }

    private func request(using random: inout SeededGenerator) -> ResourceRequest {
        var request = ResourceRequest(cpus: Int.random(in: 1...4, using: &random))
        request.countsThreads = random.chance(0.2)
        if random.chance(0.5) { request.memoryBytes = Int64.random(in: 1...24, using: &random) << 30 }
        if random.chance(0.3) { request.locality = Locality(.numa, isWish: random.chance(0.5)) }
        switch Int.random(in: 0..<10, using: &random) {
        case 0: request.gpus = GPURequest(thousandths: 500)
        case 1: request.gpus = GPURequest(thousandths: 1000)
        case 2: request.gpus = GPURequest(thousandths: 2000, link: random.chance(0.5) ? .nvlink : nil)
        case 3: request.devices = [DeviceRequest(kind: "qsim", attributes: ["qubits": .number(28)])]
        case 4: request.isExclusive = true
        default: break
        }
        if random.chance(0.1) { request.nodes = Int.random(in: 2...3, using: &random) }
        // What every machine of its kind can ever give within one NUMA node.
        if request.locality.level == .numa, !request.locality.isWish { request.cpus = min(request.cpus, 2) }
        return request
    }

    /// What somebody does to a job or a node that is there.
    package func intervention(known: [Job.ID], nodes: [NodeName], using random: inout SeededGenerator) -> UserAction? {
        guard let job = known.suffix(20).randomElement(using: &random) else { return nil }
        let task = TaskID(job: job, index: random.chance(0.2) ? Int.random(in: 0..<4, using: &random) : nil)
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: return .cancel(task)
        case 2, 3: return .hold(job)
        case 4, 5: return .requeue(task)
        default: return nodes.randomElement(using: &random).map { .drain($0, stopping: random.chance(0.6)) }
        }
    }
}
