import BerthJournal
import BerthModel
import BerthScheduling
import Testing

/// What people ask the history for.
@Suite(.serialized) struct JobHistoryTests {
    // MARK: - Lists

    @Test func `jobs are listed by state`() async throws {
        var site = try await Site()
        let ended = try await site.submitted()
        try await site.exited(try await site.running(ended))
        let failed = try await site.submitted()
        try await site.exited(try await site.running(failed), 3)
        let running = try await site.submitted()
        _ = try await site.running(running)
        let held = try await site.submitted { $0.isHeld = true }
        let starting = try await site.submitted()
        _ = try await site.started(starting)
        let waiting = try await site.submitted()

        for (state, job) in [
            (JobState.succeeded, ended), (.failed, failed), (.running, running), (.held, held), (.starting, starting),
            (.pending, waiting),
        ] {
            #expect(try site.jobs { $0.states = [state] } == [job.number], "\(state)")
        }
        #expect(try site.jobs { $0.states = [.succeeded, .failed] } == [1, 2])
        #expect(try site.jobs { $0.states = [.timedOut] } == [])
        #expect(try site.jobs() == [1, 2, 3, 4, 5, 6])
    }

    @Test func `jobs are listed by what they were submitted with`() async throws {
        var site = try await Site()
        _ = try await site.submitted("train", user: "ada") { specification in
            specification.project = "light"
            specification.labels = ["stage": "1", "kind": "a"]
        }
        site.wait(.seconds(60))
        let second = site.now
        _ = try await site.submitted("train", user: "ben") { specification in
            specification.queue = "urgent"
            specification.labels = ["stage": "2", "kind": "a"]
        }
        site.wait(.seconds(60))
        _ = try await site.submitted("test", user: "ada")

        #expect(try site.jobs { $0.user = "ada" } == [1, 3])
        #expect(try site.jobs { $0.project = "light" } == [1])
        #expect(try site.jobs { $0.queue = "urgent" } == [2])
        #expect(try site.jobs { $0.name = "train" } == [1, 2])
        #expect(try site.jobs { $0.labels = ["kind": "a"] } == [1, 2])
        #expect(try site.jobs { $0.labels = ["kind": "a", "stage": "2"] } == [2])
        #expect(try site.jobs { $0.labels = ["stage": "3"] } == [])
        #expect(try site.jobs { $0.since = second } == [2, 3])
        #expect(try site.jobs { $0.since = second + .microseconds(1) } == [3])
        #expect(try site.jobs { $0.user = "ada'; --" } == [])
        #expect(
            try site.jobs {
                $0.user = "ada"
                $0.name = "train"
                $0.states = [.pending]
            } == [1])
    }

    @Test func `a limit keeps the newest jobs, the oldest of them first`() async throws {
        var site = try await Site()
        for _ in 0..<5 { _ = try await site.submitted() }
        #expect(try site.jobs { $0.limit = 2 } == [4, 5])
        #expect(try site.jobs { $0.limit = 0 } == [])
        #expect(try site.jobs { $0.limit = 9 } == [1, 2, 3, 4, 5])
    }

    // MARK: - One job

    @Test func `a job tells its times, nodes, attempts and outcome`() async throws {
        var site = try await Site(nodes: 2)
        let job = try await site.submitted()
        let submitted = site.now
        site.wait(.seconds(10))
        let start = site.now
        let first = try await site.running(job, on: "n2")
        site.wait(.seconds(5))
        try await site.failedAndWaits(first, 9)
        #expect(try site.job("1")?.state == .pending)
        #expect(try site.job("1")?.outcome == nil)
        let second = try await site.running(job, on: "n1")
        try await site.record(.reported(attempt: second, Report(time: site.now, progress: 0.25, note: "a")))
        try await site.record(.reported(attempt: second, Report(time: site.now, progress: 0.5, metrics: ["loss": 1])))
        site.wait(.seconds(5))
        try await site.exited(second, outputs: [FileRecord(path: "out", sha256: "bb", bytes: 4)])

        let record = try #require(try site.job("1"))
        #expect(record.state == .succeeded)
        #expect(record.outcome == Outcome(state: .succeeded, reason: .exit, exitCode: 0))
        #expect(record.submission.submitTime == submitted)
        #expect(record.startTime == start)
        #expect(record.endTime == site.now)
        #expect(record.nodes == ["n1", "n2"])
        #expect(record.tasks == [.succeeded: 1])
        #expect(record.attempts.map(\.attempt.id) == [first, second])
        #expect(record.attempts.map(\.state) == [.failed, .succeeded])
        #expect(record.attempts.map(\.end?.exitCode) == [9, 0])
        #expect(record.attempts[1].launch?.processID == 4711)
        #expect(record.attempts[1].decision == .plain)
        #expect(record.attempts[1].end?.outputs.first?.sha256 == "bb")
        let said = try #require(record.attempts[1].latestReport)
        #expect((said.progress, said.note, said.metrics["loss"]) == (0.5, "a", 1))
        #expect(try site.job("1.0") == nil)
        try site.expectsNoFault()
    }

    @Test(arguments: ["2", "1.5", "1.0", "9223372036854775807", "9223372036854775808", "18446744073709551615"])
    func `there is no job of a number that none was given`(id: String) async throws {
        var site = try await Site()
        _ = try await site.submitted()
        let task = try #require(TaskID(id))
        #expect(try site.journal.job(task) == nil)
        #expect(try site.journal.reopening(of: task) == nil)
        guard task.job.number > 1 else { return }
        #expect(try site.journal.endState(of: task.job) == nil)
        #expect(try site.journal.tasks(of: task.job) == [])
        #expect(try site.journal.events(of: task.job).isEmpty)
    }

    @Test func `an attempt that had begun before it was recalled runs, and is not said to be stopped`() async throws {
        var site = try await Site()
        let attempt = try await site.started(try await site.submitted())
        try await site.record(.stopping(attempt: attempt, .recalled, by: "berth"))
        #expect(try site.job("1")?.state == .stopping)
        let launch = Launch(startTime: site.now, processID: 4711, bound: Binding(cpus: [0]))
        try await site.record(.launched(attempt: attempt, launch))
        let running = try #require(try site.job("1"))
        #expect(running.state == .running)
        #expect(running.attempts.last?.state == .running)
        #expect(running.attempts.last?.stopReason == nil)
        try await site.exited(attempt)
        #expect(try site.job("1")?.state == .succeeded)
        try site.expectsNoFault()
    }

    @Test func `a stopped attempt says why, and whether its task runs again`() async throws {
        var site = try await Site()
        let job = try await site.submitted()
        let attempt = try await site.running(job)
        try await site.record(.stopping(attempt: attempt, .drained, by: "op"))
        #expect(try site.job("1")?.state == .stopping)
        let end = AttemptEnd(cause: .stopped, signal: 15, endTime: site.now)
        try await site.record(.attemptEnded(attempt: attempt, end, then: .waits(notBefore: nil, countsAsRetry: false)))

        let record = try #require(try site.job("1")?.attempts.first)
        #expect(record.state == .preempted)
        #expect(record.stopReason == .drained)
        #expect(try site.job("1")?.state == .pending)
    }

    @Test func `an attempt that was given up with its node is lost`() async throws {
        var site = try await Site()
        let job = try await site.submitted()
        let attempt = try await site.running(job)
        let end = AttemptEnd(cause: .nodeLost, message: "silence", endTime: site.now)
        try await site.record(
            .nodeLost("n1"), .attemptEnded(attempt: attempt, end, then: .waits(notBefore: nil, countsAsRetry: false)))
        #expect(try site.job("1")?.attempts.map(\.state) == [.lost])
        try await site.record(.nodeReturned("n1"), .staleAttemptEnded(attempt: attempt, node: "n1", end))
        #expect(try site.job("1")?.attempts.map(\.state) == [.lost])
        try site.expectsNoFault()
    }

    @Test func `the first start and the last end count, in whatever order they were heard of`() async throws {
        var site = try await Site()
        let job = try await site.submitted(tasks: 2)
        let (one, two) = (try await site.started(job, 0), try await site.started(job, 1))
        let (early, late) = (site.now + .seconds(10), site.now + .seconds(20))
        for (attempt, time) in [(one, late), (two, early)] {
            try await site.record(.launched(attempt: attempt, Launch(startTime: time, bound: Binding(cpus: []))))
        }
        for (attempt, time) in [(one, late + .seconds(60)), (two, early + .seconds(60))] {
            let end = AttemptEnd(cause: .exit, exitCode: 0, endTime: time)
            let outcome = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
            try await site.record(.attemptEnded(attempt: attempt, end, then: .ended(outcome)))
        }
        let record = try #require(try site.job("1"))
        #expect(record.startTime == early)
        #expect(record.endTime == late + .seconds(60))
    }

    // MARK: - Arrays

    @Test func `an array counts its tasks by state, started or not`() async throws {
        var site = try await Site()
        let job = try await site.submitted(tasks: 100)
        try await site.exited(try await site.running(job, 0))
        try await site.exited(try await site.running(job, 1), 2)
        _ = try await site.running(job, 2)
        _ = try await site.started(job, 3)
        try await site.failedAndWaits(try await site.running(job, 4))
        try await site.cancelled(job, IndexRanges(50..<60))

        let record = try #require(try site.job("1"))
        #expect(record.state == .running)
        #expect(
            record.tasks
                == [.succeeded: 1, .failed: 1, .running: 1, .starting: 1, .cancelled: 10, .pending: 86])
        #expect(try site.journal.tasks(of: job).map(\.id.index) == [0, 1, 2, 3, 4])
        for task in try site.journal.tasks(of: job) { #expect(try site.journal.job(task.id) == task) }
        #expect(
            try site.journal.tasks(of: job).map(\.state) == [.succeeded, .failed, .running, .starting, .pending])
        #expect(try site.job("1.1")?.outcome?.exitCode == 2)
        #expect(try site.job("1.1")?.attempts.count == 1)
        #expect(try site.job("1.55")?.state == .cancelled)
        #expect(try site.job("1.55")?.outcome?.message == "ada cancelled it.")
        #expect(try site.job("1.55")?.endTime == site.now)
        #expect(try site.job("1.61")?.state == .pending)
        #expect(try site.job("1.100") == nil)
        try await site.record(.held(job: job, by: "ada"))
        #expect(try site.job("1.61")?.state == .held)
        #expect(try site.job("1.4")?.state == .held)
        #expect(try site.job("1.2")?.state == .running)
        try site.expectsNoFault()
    }

    @Test func `what Berth holds by itself says why, until its family is let go`() async throws {
        var site = try await Site()
        let job = try await site.submitted("fit-1")
        let other = try await site.submitted("fit-2")
        let family = JobFamily(user: "ada", project: "", name: "fit-#")
        let hold = JobHold(
            cause: .failures(of: family), count: 20, last: AttemptID(task: TaskID(job: Job.ID(9)), number: 1),
            text: "exit code 1")
        try await site.record(.jobsHeld(jobs: [job, other], hold))
        #expect(try site.job("\(job)")?.state == .held)
        #expect(try site.job("\(job)")?.hold == hold.description)
        try await site.record(.held(job: job, by: "ada"))
        #expect(try site.job("\(job)")?.hold == nil)
        try await site.record(.familyReleased(family, jobs: [other]))
        #expect(try site.job("\(job)")?.state == .held)
        #expect(try site.job("\(other)")?.state == .pending)
        #expect(try site.job("\(other)")?.hold == nil)
        try site.expectsNoFault()
    }

    @Test func `the worst of an array's tasks says how it ended`() async throws {
        var site = try await Site()
        let job = try await site.submitted(tasks: 4)
        try await site.exited(try await site.running(job, 0), 3)
        try await site.timedOut(try await site.running(job, 1))
        try await site.exited(try await site.running(job, 2))
        #expect(try site.job("1")?.outcome == nil)
        try await site.cancelled(job, IndexRanges(3..<4))

        #expect(try site.job("1")?.state == .failed)
        #expect(try site.job("1")?.outcome == Outcome(state: .failed, reason: .exit, exitCode: 3))
        #expect(try site.journal.endState(of: job) == .failed)
    }

    // MARK: - Running again

    @Test func `what did not succeed is run again, with its attempts counted on`() async throws {
        var site = try await Site()
        let job = try await site.submitted(tasks: 6)
        try await site.exited(try await site.running(job, 0))
        try await site.failedAndWaits(try await site.running(job, 1))
        try await site.exited(try await site.running(job, 1), 3)
        try await site.timedOut(try await site.running(job, 2))
        #expect(try site.journal.reopening(of: TaskID(job: job)) == nil)
        try await site.cancelled(job, IndexRanges(3..<6))

        let all = try #require(try site.journal.reopening(of: TaskID(job: job)))
        #expect(
            all.reopened
                == Submission.Reopening(
                    tasks: IndexRanges(1..<6), attempts: [1: 2, 2: 1], ended: Job.Tally(succeeded: 1)))
        let one = try #require(try site.journal.reopening(of: TaskID(job: job, index: 4)))
        #expect(
            one.reopened
                == Submission.Reopening(
                    tasks: IndexRanges([4]), attempts: [:],
                    ended: Job.Tally(succeeded: 1, failed: 1, cancelled: 2, timedOut: 1)))
        #expect(try site.journal.reopening(of: TaskID(job: job, index: 0))?.reopened?.tasks.isEmpty == true)
        #expect(try site.journal.reopening(of: TaskID(job: job, index: 6))?.reopened?.tasks.isEmpty == true)

        try await site.record(.reopened(one, by: "ada"))
        #expect(try site.job("1")?.state == .pending)
        #expect(try site.job("1")?.tasks == [.succeeded: 1, .failed: 1, .timedOut: 1, .cancelled: 2, .pending: 1])
        #expect(try site.job("1.4")?.state == .pending)
        #expect(try site.job("1.5")?.state == .cancelled)
        try await site.exited(try await site.running(job, 4))
        #expect(try site.job("1")?.state == .failed)
        #expect(try site.job("1.4")?.state == .succeeded)
        try site.expectsNoFault()
    }

    @Test func `a job of which one task ran again says still how its worst one ended`() async throws {
        var site = try await Site()
        let job = try await site.submitted(tasks: 3)
        try await site.exited(try await site.running(job, 0), 3)
        try await site.exited(try await site.running(job, 1), 4)
        try await site.cancelled(job, IndexRanges([2]))
        let again = try #require(try site.journal.reopening(of: TaskID(job: job, index: 0)))
        try await site.record(.reopened(again, by: "ada"))
        try await site.exited(try await site.running(job, 0))

        #expect(try site.job("1")?.outcome == Outcome(state: .failed, reason: .exit, exitCode: 4))
        try site.expectsNoFault()
    }

    @Test func `a job that ran again and succeeded tells nothing of its first end`() async throws {
        var site = try await Site()
        let job = try await site.submitted()
        try await site.exited(try await site.running(job), 3)
        let again = try #require(try site.journal.reopening(of: TaskID(job: job)))
        try await site.record(.reopened(again, by: "ada"))
        #expect(try site.job("1")?.outcome == nil)
        try await site.exited(try await site.running(job))

        #expect(try site.job("1")?.outcome == Outcome(state: .succeeded, reason: .exit, exitCode: 0))
        #expect(try site.job("1")?.attempts.map(\.attempt.id.number) == [1, 2])
        try site.expectsNoFault()
    }

    @Test(.timeLimit(.minutes(20)))
    func `a large array's tasks are listed without reading the array anew for each`() async throws {
        var site = try await Site()
        let job = try await site.submitted { specification in
            let values = (0..<4000).map { "value \($0)" }
            specification.array = ArraySpecification(values: values)
        }
        var events: [ClusterEvent] = []
        for index in 0..<4000 {
            let attempt = Attempt(
                id: AttemptID(task: TaskID(job: job, index: index), number: 1), fence: UInt64(index + 1),
                allocation: Allocation(node: "n1", cpus: [0], coreCount: 1), plannedTime: site.now)
            let end = AttemptEnd(cause: .exit, exitCode: 0, endTime: site.now)
            let outcome = Outcome(state: .succeeded, reason: .exit, exitCode: 0)
            events += [.started(attempt, .plain), .attemptEnded(attempt: attempt.id, end, then: .ended(outcome))]
        }
        try await site.record(events)

        let tasks = try site.journal.tasks(of: job)

        #expect(tasks.map(\.id.index) == Array(0..<4000))
        #expect(tasks.allSatisfy { $0.state == .succeeded && $0.attempts.count == 1 })
    }

    @Test(.timeLimit(.minutes(20)))
    func `a very large array is made ready to run again without a look at each task`() async throws {
        var site = try await Site()
        let job = try await site.submitted(tasks: 300_000)
        try await site.exited(try await site.running(job, 0))
        try await site.cancelled(job, IndexRanges(1..<300_000))

        let again = try #require(try site.journal.reopening(of: TaskID(job: job)))

        #expect(again.reopened?.tasks == IndexRanges(1..<300_000))
        #expect(again.reopened?.ended == Job.Tally(succeeded: 1))
    }
}
