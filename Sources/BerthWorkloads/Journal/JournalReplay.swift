import BerthModel
import BerthScheduling
import HeapModule

/// A recorded history lived again in virtual time: users who do what they did when they did it, the controller's own
/// dispatcher, and nodes on which every task takes the time that it took.
///
/// Starting and stopping take no time, and a preempted task begins anew.
struct JournalReplay {
    private let jobs: [ReplayedJob]
    private var dispatcher: Dispatcher
    private var now: Timestamp
    private(set) var outcome = JournalOutcome()
    /// What users do, soonest first, and how much of it is done.
    private let deeds: [Deed]
    private var deedsDone = 0
    /// Ends of processes. That of an attempt which was stopped before comes to nothing.
    private var ends = Heap<Due>()
    private var live: [AttemptID: Stay] = [:]
    /// The jobs' names in the replay by their places in the workload, once they are submitted, and the other way round.
    private var ids: [Job.ID?]
    private var places: [Job.ID: Int] = [:]
    /// By the tasks' names in the replay.
    private var firstStarts: [TaskID: Timestamp] = [:]
    /// Tasks that have been submitted and hold nothing.
    private var waiting = 0
    /// When the dispatcher wants to plan again by itself.
    private var wakeTime: Timestamp?
    private var pause = Self.shortestPause

    /// A controller plans at every heartbeat too, since what it expects of jobs changes as they run on. Here that comes
    /// after longer and longer pauses in which nothing else happens.
    private static let shortestPause = Duration.seconds(10)
    private static let pauseGrowth = 4

    private struct Due: Comparable {
        var time: Timestamp
        var attempt: AttemptID

        static func < (left: Self, right: Self) -> Bool { (left.time, left.attempt) < (right.time, right.attempt) }
    }

    /// An attempt that holds resources.
    private struct Stay {
        var place: Int
        var order: AttemptOrder
        var start: Timestamp
    }

    init(_ workload: JournalWorkload) {
        jobs = workload.jobs
        now = workload.jobs.first?.submitTime ?? .epoch
        dispatcher = workload.fleet.dispatcher(at: now)
        deeds = Deed.all(of: workload)
        ids = Array(repeating: nil, count: workload.jobs.count)
    }

    // MARK: - Time

    /// Lets time pass until nothing more can happen.
    mutating func run() {
        settle()
        while let time = nextTime {
            let isPause = time == now + pause && waiting > 0
            now = max(now, time)
            takeDue()
            settle()
            pause = isPause ? pause * Self.pauseGrowth : Self.shortestPause
        }
    }

    /// When something happens next; nil where nothing does, whoever waits then.
    private var nextTime: Timestamp? {
        let deed = deedsDone < deeds.count ? deeds[deedsDone].time : nil
        guard let time = [deed, ends.min?.time, wakeTime].compactMap(\.self).min() else { return nil }
        return waiting > 0 ? min(time, now + pause) : time
    }

    private mutating func takeDue() {
        while deedsDone < deeds.count, deeds[deedsDone].time <= now {
            take(deeds[deedsDone].action)
            deedsDone += 1
        }
        while let due = ends.min, due.time <= now {
            ends.removeMin()
            guard let stay = live[due.attempt], let last = recorded(stay).last else { continue }
            let length = now - stay.start
            outcome.spend(last, for: length)
            end(due.attempt, last.replayedEnd(at: now))
            let task = stay.order.attempt.id.task
            outcome.finish(
                JournalOutcome.Course(
                    submitTime: jobs[stay.place].submitTime, firstStart: firstStarts[task] ?? stay.start, endTime: now,
                    runTime: length))
        }
    }

    /// Has everything decided that can be decided now.
    private mutating func settle() {
        var hasStopped = true
        while hasStopped {
            hasStopped = false
            let wake = dispatcher.settle(at: now)
            wakeTime = wake.flatMap { $0.microseconds == .max ? nil : $0 }
            // Nobody reads a replay's journal.
            _ = dispatcher.takeEvents()
            for outgoing in dispatcher.takeMessages() {
                switch outgoing.message {
                case .start(let order): start(order)
                case .stop(let attempt, fence: _, _):
                    stop(attempt)
                    hasStopped = true
                case .acknowledge: break
                }
            }
        }
    }

    // MARK: - Users

    private mutating func take(_ action: Deed.Action) {
        switch action {
        case .submit(let places): submit(places)
        // A job that has ended sooner than it did knows no hold.
        case .hold(let place):
            if let id = ids[place] { try? dispatcher.hold(id, by: user(place), history: PastJobs(), at: now) }
        case .release(let place):
            if let id = ids[place] { try? dispatcher.release(id, by: user(place), history: PastJobs(), at: now) }
        case .look: break
        }
    }

    private func user(_ place: Int) -> String { jobs[place].submission.user }

    /// Submits jobs that came together. Those that are refused count as left out in the end, since they never ran.
    private mutating func submit(_ range: Range<Int>) {
        let requested = range.map { place in
            var specification = jobs[place].specification
            var siblings: [(place: Int, condition: Dependency.Condition)] = []
            for dependency in jobs[place].dependencies {
                if range.contains(dependency.place) {
                    siblings.append((dependency.place - range.lowerBound, dependency.condition))
                } else if let id = ids[dependency.place] {
                    specification.dependencies.append(Dependency(job: id, condition: dependency.condition))
                }
            }
            return Dispatcher.RequestedJob(specification, dependsOn: siblings)
        }
        let request = Dispatcher.SubmissionRequest(
            jobs: requested, user: user(range.lowerBound), key: "\(range.lowerBound)", contentDigest: "")
        guard let given = try? dispatcher.submit(request, history: PastJobs(), at: now) else { return }
        for (place, id) in zip(range, given) {
            ids[place] = id
            places[id] = place
            waiting += jobs[place].tasks.count
        }
    }

    // MARK: - Nodes

    /// What was recorded of the task that the attempt runs.
    private func recorded(_ stay: Stay) -> [RecordedAttempt] {
        jobs[stay.place].tasks[stay.order.attempt.id.task.index ?? 0] ?? []
    }

    private mutating func start(_ order: AttemptOrder) {
        let attempt = order.attempt
        guard let place = places[attempt.id.task.job] else { return }
        let stay = Stay(place: place, order: order, start: now)
        live[attempt.id] = stay
        waiting -= 1
        if firstStarts[attempt.id.task] == nil { firstStarts[attempt.id.task] = now }
        ends.insert(Due(time: now + (recorded(stay).last?.runTime ?? .zero), attempt: attempt.id))
        tell(.running(launch(of: stay)), of: attempt)
    }

    private mutating func stop(_ id: AttemptID) {
        guard let stay = live[id] else { return }
        end(id, AttemptEnd(cause: .stopped, endTime: now))
        outcome.lose(now - stay.start, byPreemption: true)
        if let last = recorded(stay).last { outcome.spend(last, for: now - stay.start) }
        waiting += 1
    }

    private mutating func end(_ id: AttemptID, _ end: AttemptEnd) {
        guard let stay = live.removeValue(forKey: id) else { return }
        let attempt = stay.order.attempt
        outcome.hold(
            JournalOutcome.Stretch(
                task: jobs[stay.place].taskID(id.task.index ?? 0), allocation: attempt.allocation, start: stay.start,
                end: now))
        tell(.ended(end, launch: launch(of: stay)), of: attempt)
    }

    private func launch(of stay: Stay) -> Launch {
        Launch(startTime: stay.start, bound: Binding(cpus: stay.order.attempt.allocation.cpus))
    }

    private mutating func tell(_ phase: AttemptStatus.Phase, of attempt: Attempt) {
        let status = AttemptStatus(attempt: attempt.id, fence: attempt.fence, phase: phase)
        dispatcher.receive(
            .update(status), from: attempt.allocation.node, session: RecordedFleet.session, at: now)
    }
}

/// Jobs that have left the cluster: whoever still asks only needs to hear that they ended.
private struct PastJobs: History {
    func submission(_ key: Dispatcher.SubmissionKey) -> PastSubmission? { nil }
    func endState(of job: Job.ID) -> EndState? { .succeeded }
}

extension RecordedAttempt {
    /// The attempt's end, told so that it ends its task there and then: a task that was cancelled is not stopped a
    /// second time.
    fileprivate func replayedEnd(at now: Timestamp) -> AttemptEnd {
        switch end?.cause {
        case .exit, .timeLimit, .signal, .outOfMemory:
            AttemptEnd(cause: end?.cause ?? .exit, exitCode: end?.exitCode, signal: end?.signal, endTime: now)
        case .stopped, .launchFailed, .refused, .nodeLost, nil: AttemptEnd(cause: .signal, endTime: now)
        }
    }
}
