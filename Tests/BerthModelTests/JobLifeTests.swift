import BerthModel
import Testing

/// A task's whole life as a table: every event in every state, and nothing changes where an event is illegal.
@Suite struct JobLifeTests {
    enum Phase: CaseIterable { case untouched, starting, running, stopping, waitingAgain, gone }
    enum Happening: CaseIterable {
        case started, launched, reported, stopping, ended, waits, tasksEnded, held, released
    }

    private static let legal: [Phase: Set<Happening>] = [
        .untouched: [.started, .tasksEnded, .held, .released],
        .starting: [.launched, .reported, .stopping, .ended, .waits, .held, .released],
        .running: [.launched, .reported, .stopping, .ended, .waits, .held, .released],
        .stopping: [.launched, .reported, .stopping, .ended, .waits, .held, .released],
        .waitingAgain: [.started, .tasksEnded, .held, .released],
        .gone: [],
    ]

    /// A site whose first job is in this phase.
    private func site(_ phase: Phase) throws -> (Site, Job.ID) {
        var site = try Site()
        let job = try site.submitted()
        if phase == .untouched { return (site, job) }
        let attempt = try site.started(job)
        switch phase {
        case .untouched, .starting: break
        case .running: try site.apply(.launched(attempt: attempt, .plain))
        case .stopping: try site.apply(.stopping(attempt: attempt, .requeued, by: "ada"))
        case .waitingAgain: try site.waitsAgain(attempt)
        case .gone: try site.ended(attempt)
        }
        return (site, job)
    }

    private func event(_ happening: Happening, _ job: Job.ID, _ site: Site) -> ClusterEvent {
        let attempt = AttemptID(task: TaskID(job: job), number: 1)
        return switch happening {
        case .started: .started(site.attempt(job), .none)
        case .launched: .launched(attempt: attempt, .plain)
        case .reported: .reported(attempt: attempt, Report(time: .epoch, progress: 0.5))
        case .stopping: .stopping(attempt: attempt, .cancelled, by: "ada")
        case .ended: .attemptEnded(attempt: attempt, .exit(0), then: .ended(.plain(.succeeded)))
        case .waits: .attemptEnded(attempt: attempt, .exit(1), then: .waits(notBefore: nil, countsAsRetry: true))
        case .tasksEnded: .tasksEnded(job: job, tasks: IndexRanges(0..<1), .plain(.cancelled), by: "ada")
        case .held: .held(job: job, by: "ada")
        case .released: .released(job: job, by: "ada")
        }
    }

    @Test(arguments: Phase.allCases, Happening.allCases)
    func `only the listed events can follow, and the others change nothing`(phase: Phase, happening: Happening) throws {
        var (site, job) = try site(phase)
        let before = site.cluster
        let event = event(happening, job, site)
        if Self.legal[phase, default: []].contains(happening) {
            #expect(throws: Never.self) { try site.apply(event) }
        } else {
            let error = #expect(throws: IllegalTransition.self) { try site.apply(event) }
            #expect(error?.event == event.name)
            #expect(site.cluster == before)
        }
    }

    @Test func `a job is pending, starting, running, stopping, and then forgotten`() throws {
        var site = try Site()
        let job = try site.submitted()
        #expect(site.cluster.jobs[job]?.state == .pending)
        let attempt = try site.started(job)
        #expect(site.cluster.jobs[job]?.state == .starting)
        try site.apply(.launched(attempt: attempt, .plain))
        #expect(site.cluster.jobs[job]?.state == .running)
        try site.apply(.stopping(attempt: attempt, .cancelled, by: "ada"))
        #expect(site.cluster.jobs[job]?.state == .stopping)
        try site.ended(attempt, .cancelled)
        #expect(site.cluster.jobs.isEmpty)
        #expect(site.cluster.queueOrder.isEmpty)
    }

    @Test func `a job that is told of no task cannot have one ended`() throws {
        var site = try Site()
        let job = try site.submitted(tasks: 3)
        _ = try site.started(job, 1)
        let before = site.cluster
        for tasks in [IndexRanges([0, 1]), IndexRanges([2, 3])] {
            #expect(throws: IllegalTransition.self) {
                try site.apply(.tasksEnded(job: job, tasks: tasks, .plain(.cancelled), by: "ada"))
            }
            #expect(site.cluster == before)
        }
    }

    @Test func `an attempt has the next number, a fence never used, and what is free`() throws {
        var site = try Site()
        let (first, second) = (try site.submitted(), try site.submitted())
        _ = try site.started(first, cores: 0..<4)
        let before = site.cluster
        let good = site.attempt(second, cores: 4..<5)
        func other(number: Int = 1, fence: UInt64 = good.fence, _ allocation: Allocation = good.allocation)
            -> ClusterEvent
        {
            .started(
                Attempt(
                    id: AttemptID(task: TaskID(job: second), number: number), fence: fence, allocation: allocation,
                    plannedTime: .epoch), .none)
        }
        var taken = good.allocation
        taken.cpus = [3]
        var elsewhere = good.allocation
        elsewhere.node = "nowhere"
        var heavy = good.allocation
        heavy.memory = [.init(numaNode: 0, bytes: 17 << 30)]
        var twice = good.allocation
        twice.devices = Array(repeating: .init(name: "qsim0", kind: "qsim", thousandths: 2000), count: 2)
        var negative = good.allocation
        negative.memory = [.init(numaNode: 0, bytes: -1)]
        let wrong = [
            other(number: 2), other(number: 0), other(fence: 1), other(taken), other(elsewhere), other(heavy),
            other(twice), other(negative),
        ]
        for event in wrong {
            #expect(throws: IllegalTransition.self) { try site.apply(event) }
            #expect(site.cluster == before)
        }
        #expect(throws: Never.self) { try site.apply(other()) }
    }

    @Test func `of an array the most advanced task is what the job does, and the worst is how it ends`() throws {
        var site = try Site()
        let job = try site.submitted(tasks: 3)
        let waiting = try site.submitted(after: [Dependency(job: job, condition: .failed)])
        let first = try site.running(job, 0)
        let second = try site.started(job, 1, cores: 1..<2)
        #expect(site.cluster.jobs[job]?.state == .running)
        #expect(site.cluster.jobs[job]?.untouched == IndexRanges([2]))
        try site.ended(first)
        #expect(site.cluster.jobs[job]?.state == .starting)
        try site.ended(second, .failed)
        #expect(site.cluster.jobs[job]?.state == .pending)
        #expect(site.cluster.jobs[job]?.ended == Job.Tally(succeeded: 1, failed: 1))
        try site.apply(.tasksEnded(job: job, tasks: IndexRanges([2]), .plain(.cancelled), by: "ada"))
        #expect(site.cluster.jobs[job] == nil)
        #expect(site.cluster.jobs[waiting]?.waitsFor == [])
    }

    @Test func `an attempt that is tried again keeps count of attempts and retries apart`() throws {
        var site = try Site()
        let job = try site.submitted()
        try site.waitsAgain(try site.started(job), countsAsRetry: true)
        try site.waitsAgain(try site.started(job), countsAsRetry: false)
        let task = try #require(site.cluster.task(TaskID(job: job)))
        #expect(task.attempts == 2)
        #expect(task.retries == 1)
        let third = try site.started(job)
        #expect(third.description == "1@3")
    }

    @Test func `an ended job that is run again goes on with its numbers and its tally`() throws {
        var site = try Site()
        var submission = Submission.plain(Job.ID(1), tasks: 4)
        submission.specification.isHeld = true
        submission.reopened = .init(
            tasks: IndexRanges([1, 3]), attempts: [1: 2], ended: Job.Tally(succeeded: 2))
        try site.apply(.reopened(submission, by: "ada"))
        let job = try #require(site.cluster.jobs[submission.id])
        #expect(job.untouched == IndexRanges([3]))
        #expect(job.waitingCount == 2)
        #expect(!job.isHeld, "who runs it again does not want it held")

        let attempts = [try site.started(Job.ID(1), 1), try site.started(Job.ID(1), 3, cores: 1..<2)]
        #expect(attempts.map(\.description) == ["1.1@3", "1.3@1"])
        #expect(throws: IllegalTransition.self) { try site.apply(.reopened(submission, by: "ada")) }
    }

    @Test func `numbers of jobs go on after the highest`() throws {
        var site = try Site()
        try site.apply(.submitted(.plain(Job.ID(41))))
        let next = try site.submitted()
        #expect(next == Job.ID(42))
        #expect(throws: IllegalTransition.self) { try site.apply(.submitted(.plain(Job.ID(41)))) }
    }
}

@Suite struct DependencyTests {
    @Test(
        arguments: [
            (.succeeded, .succeeded, true), (.succeeded, .failed, false), (.succeeded, .timedOut, false),
            (.succeeded, .cancelled, false), (.failed, .failed, true), (.failed, .timedOut, true),
            (.failed, .succeeded, false),
            (.failed, .cancelled, false), (.ended, .succeeded, true), (.ended, .failed, true),
            (.ended, .cancelled, true),
            (.started, .failed, true),
        ] as [(Dependency.Condition, EndState, Bool)])
    func `a dependency is met, or never can be, when the job it is on has ended`(
        condition: Dependency.Condition, state: EndState, isMet: Bool
    ) throws {
        var site = try Site()
        let first = try site.submitted()
        let dependency = Dependency(job: first, condition: condition)
        let second = try site.submitted(after: [dependency])
        try site.ended(try site.started(first), state)
        #expect(site.cluster.jobs[second]?.waitsFor == (isMet ? [] : [dependency]))
        #expect(site.cluster.jobs[second]?.failedDependency == (isMet ? nil : dependency))
    }

    @Test func `a job that waits for the start of another goes on when it starts`() throws {
        var site = try Site()
        let first = try site.submitted()
        let second = try site.submitted(after: [Dependency(job: first, condition: .started)])
        _ = try site.started(first)
        #expect(site.cluster.jobs[second]?.waitsFor == [])
    }

    @Test func `a job that is cancelled before it starts fails those that wait for its start`() throws {
        var site = try Site()
        let first = try site.submitted()
        let second = try site.submitted(after: [Dependency(job: first, condition: .started)])
        try site.apply(.tasksEnded(job: first, tasks: IndexRanges(0..<1), .plain(.cancelled), by: "ada"))
        #expect(site.cluster.jobs[second]?.failedDependency?.job == first)
    }

    @Test func `a job waits until all its dependencies are met`() throws {
        var site = try Site()
        let (first, second) = (try site.submitted(), try site.submitted())
        let last = try site.submitted(after: [Dependency(job: first), Dependency(job: second, condition: .ended)])
        try site.ended(try site.started(first))
        #expect(site.cluster.jobs[last]?.waitsFor == [Dependency(job: second, condition: .ended)])
        try site.ended(try site.started(second), .failed)
        #expect(site.cluster.jobs[last]?.waitsFor == [])
        #expect(site.cluster.jobs[last]?.failedDependency == nil)
    }
}
