import BerthModel
import BerthPlanner
import BerthScheduling
import BerthSimulation
import Testing

/// A promise that cannot fail proves nothing: each is broken here once, on purpose.
@Suite struct PromiseTests {
    // MARK: - What the journal must not say

    private static func submission(
        _ id: UInt64, key: String? = nil, queue: String = "batch", _ change: (inout JobSpecification) -> Void = { _ in }
    ) -> ClusterEvent {
        var job = JobSpecification(name: "job", workingDirectory: "/", queue: queue)
        change(&job)
        return .submitted(
            Submission(
                id: Job.ID(id), specification: job, user: "ada", submitTime: .epoch, key: key ?? "key \(id)",
                contentDigest: ""))
    }

    private static func attempt(_ task: String, fence: UInt64, cpus: CPUSet = [0]) -> Attempt {
        guard let id = AttemptID(task) else { preconditionFailure("\(task) is no attempt") }
        return Attempt(
            id: id, fence: fence, allocation: Allocation(node: "node0", cpus: cpus, coreCount: 1), plannedTime: .epoch)
    }

    private static func start(_ task: String, fence: UInt64) -> ClusterEvent {
        .started(
            attempt(task, fence: fence),
            Decision(policy: "", saw: "", jobsAhead: 0, nodesConsidered: 0, candidates: [], rejected: [:]))
    }

    private static func end(_ task: String, again: Bool = false, exitCode: Int = 0) -> ClusterEvent {
        .attemptEnded(
            attempt: attempt(task, fence: 0).id, AttemptEnd(cause: .exit, exitCode: exitCode, endTime: .epoch),
            then: again
                ? .waits(notBefore: nil, countsAsRetry: true)
                : .ended(Outcome(state: .succeeded, reason: .exit)))
    }

    private static let narrow = ClusterConfiguration(
        queues: [Queue(name: "narrow", tier: 1, maximumRunning: 1)], defaultQueue: "narrow")

    private static let broken: [(promise: String, events: [ClusterEvent])] = [
        ("fences grow", [submission(1), submission(2), start("1@1", fence: 5), start("2@1", fence: 5)]),
        (
            "attempt numbers never repeat",
            [submission(1), start("1@1", fence: 1), end("1@1", again: true), start("1@1", fence: 2)]
        ),
        ("one live attempt a task", [submission(1), start("1@1", fence: 1), start("1@2", fence: 2)]),
        (
            "what has ended does not start",
            [submission(1), start("1@1", fence: 1), end("1@1"), start("1@2", fence: 2)]
        ),
        (
            "a task ends once",
            [
                submission(1), start("1@1", fence: 1), end("1@1"),
                .tasksEnded(
                    job: Job.ID(1), tasks: IndexRanges(0..<1), Outcome(state: .succeeded, reason: .exit), by: ""),
            ]
        ),
        ("an attempt ends once", [submission(1), start("1@1", fence: 1), end("1@1"), end("1@1")]),
        ("only what exits with 0 succeeds", [submission(1), start("1@1", fence: 1), end("1@1", exitCode: 1)]),
        ("held jobs do not start", [submission(1), .held(job: Job.ID(1), by: ""), start("1@1", fence: 1)]),
        (
            "dependencies come first",
            [
                submission(1), submission(2) { $0.dependencies = [Dependency(job: Job.ID(1))] },
                start("1@1", fence: 1), start("2@1", fence: 2),
            ]
        ),
        (
            "no array exceeds its limit",
            [
                submission(1) { $0.array = ArraySpecification(indices: IndexRanges(0..<3), parallel: 1) },
                start("1.0@1", fence: 1), start("1.1@1", fence: 2),
            ]
        ),
        (
            "no queue exceeds its limits",
            [
                .configured(narrow), submission(1, queue: "narrow"), submission(2, queue: "narrow"),
                start("1@1", fence: 1), start("2@1", fence: 2),
            ]
        ),
        (
            "the same key is the same submission",
            [submission(1, key: "key"), submission(2), submission(3, key: "key")]
        ),
        ("a job's number is used once", [submission(1), submission(1)]),
        ("only jobs start", [start("1@1", fence: 1)]),
    ]

    @Test(arguments: broken)
    func `the chronicle finds every broken promise, at its last event`(promise: String, events: [ClusterEvent]) throws {
        var chronicle = Chronicle()
        for event in events.dropLast() { try chronicle.read(event) }
        let last = try #require(events.last)
        #expect(breach { () throws(BrokenPromise) in try chronicle.read(last) } == promise)
    }

    // MARK: - What a cluster must not be

    /// Tells which promise was broken; nil if none.
    private func breach(_ check: () throws(BrokenPromise) -> Void) -> String? {
        do throws(BrokenPromise) {
            try check()
            return nil
        } catch {
            return error.promise
        }
    }

    private func site(_ events: [ClusterEvent] = []) throws -> Cluster {
        var cluster = Cluster()
        for event in [.nodeJoined(SyntheticFleet.registration(0)), Self.submission(1)] + events {
            try cluster.apply(event, at: .epoch)
        }
        return cluster
    }

    @Test func `resources given twice are found`() {
        let registration = SyntheticFleet.registration(1)
        func allocation(_ attempt: String, cpus: CPUSet, gpu: Int) -> (key: AttemptID, value: Allocation) {
            let devices = [Allocation.DeviceShare(name: "gpu0", kind: "gpu", thousandths: gpu)]
            return (
                Self.attempt(attempt, fence: 1).id,
                Allocation(node: registration.name, cpus: cpus, coreCount: 1, devices: devices)
            )
        }
        let first = allocation("1@1", cpus: [0, 1], gpu: 500)
        func breach(_ second: (key: AttemptID, value: Allocation)) -> String? {
            self.breach { () throws(BrokenPromise) in try nothingOverlaps([first, second], of: registration) }
        }
        #expect(breach(allocation("2@1", cpus: [2, 3], gpu: 500)) == nil)
        #expect(breach(allocation("2@1", cpus: [1, 2], gpu: 500)) == "nothing is given twice")
        #expect(breach(allocation("2@1", cpus: [2, 3], gpu: 600)) == "nothing is given twice")
        #expect(breach(allocation("2@1", cpus: [200], gpu: 500)) == "nothing is given twice")
    }

    @Test func `a job that waits although a node is free is found`() throws {
        let idle = try site()
        #expect(
            breach { () throws(BrokenPromise) in try everyWaitHasAReason(in: idle, at: .epoch) }
                == "every wait has a reason")
        let held = try site([.held(job: Job.ID(1), by: "ada")])
        #expect(breach { () throws(BrokenPromise) in try everyWaitHasAReason(in: held, at: .epoch) } == nil)
    }

    @Test func `what is left over is found`() throws {
        let waiting = try site()
        #expect(breach { () throws(BrokenPromise) in try everythingIsOver(in: waiting) } == "every job ends")
        let ended = try site([
            Self.start("1@1", fence: 1), .nodeLost("node0"), Self.end("1@1"), .nodeReturned("node0"),
        ])
        #expect(breach { () throws(BrokenPromise) in try everythingIsOver(in: ended) } == "all is free in the end")
    }

    // MARK: - What machines must not do

    private func agent(_ number: Int, running attempts: [Attempt]) -> SimulatedAgent {
        var agent = SimulatedAgent(SyntheticFleet.registration(number), mayFail: false)
        var random = SeededGenerator(seed: 1)
        let job = JobSpecification(name: "job", workingDirectory: "/", queue: "batch")
        for attempt in attempts {
            let order = AttemptOrder(attempt: attempt, specification: job, user: "ada", maximumGrace: .zero)
            agent.take(.start(order), at: .epoch, using: &random)
        }
        for (alarm, _) in agent.takeEffects().alarms {
            agent.take(alarm, heartbeatInterval: .seconds(1), at: .epoch, using: &random)
        }
        return agent
    }

    @Test func `processes that share hardware are found`() {
        let apart = agent(
            0, running: [Self.attempt("1@1", fence: 1, cpus: [0]), Self.attempt("2@1", fence: 2, cpus: [1])])
        #expect(breach { () throws(BrokenPromise) in try noHardwareIsShared(on: apart) } == nil)
        let together = agent(0, running: [Self.attempt("1@1", fence: 1), Self.attempt("2@1", fence: 2)])
        #expect(
            breach { () throws(BrokenPromise) in try noHardwareIsShared(on: together) } == "nothing is given twice")
    }

    @Test func `a task that runs twice is found`() throws {
        let second = Self.attempt("1@2", fence: 2)
        let agents = [
            agent(0, running: [Self.attempt("1@1", fence: 1)]), agent(1, running: [second]),
        ]
        let cluster = try site([Self.start("1@1", fence: 1), Self.end("1@1", again: true)])
        #expect(
            breach { () throws(BrokenPromise) in try noTaskRunsTwice(second, among: agents, in: cluster) }
                == "no task runs twice")
        let lost = try site([
            Self.start("1@1", fence: 1), .nodeLost("node0"), Self.end("1@1", again: true),
        ])
        #expect(breach { () throws(BrokenPromise) in try noTaskRunsTwice(second, among: agents, in: lost) } == nil)
    }

    @Test func `an attempt that no controller acknowledged is found`() {
        let agents = [agent(0, running: [Self.attempt("1@1", fence: 1)])]
        #expect(
            breach { () throws(BrokenPromise) in try everyLedgerIsEmpty(among: agents) }
                == "every ledger is empty in the end")
    }

    // MARK: - What users must not see

    @Test func `lost answers and second jobs under one key are found`() throws {
        var users = SimulatedUsers()
        var random = SeededGenerator(seed: 1)
        let job = JobSpecification(name: "job", workingDirectory: "/", queue: "batch")
        let request = Dispatcher.SubmissionRequest(jobs: [.init(job)], user: "ada", key: "key", contentDigest: "")
        let ticket = users.want(.submit(request), by: "ada")
        _ = try users.take(.init(ticket: ticket, answer: .accepted([Job.ID(1)])), using: &random)
        #expect(
            breach { () throws(BrokenPromise) in try users.nothingAcknowledgedIsLost(in: SimulatedJournal()) }
                == "nothing acknowledged is lost")
        #expect(
            breach { () throws(BrokenPromise) in
                _ = try users.take(.init(ticket: ticket, answer: .accepted([Job.ID(2)])), using: &random)
            } == "the same key gives the same jobs")
    }
}
