package import BerthModel

/// Reads along in the journal and holds each event against the promises, with a memory of its own that shares no code
/// with the cluster's.
package struct Chronicle: Sendable {
    private var configuration = ClusterConfiguration()
    private var jobs: [Job.ID: Account] = [:]
    private var keys: [String: String] = [:]
    /// Families that Berth holds.
    private var heldFamilies: Set<JobFamily> = []
    private var lastFence: UInt64 = 0
    private var usedAttempts: Set<AttemptID> = []
    /// Attempts that were started and have not ended, by fence.
    private var live: [UInt64: Attempt] = [:]
    /// Who waits behind whom for what that one holds.
    private var waiting: [AttemptID: [AttemptID]] = [:]
    /// How often each task was stopped for others. More than this in a simulated day is no chance.
    private var preemptions: [TaskID: Int] = [:]
    private static let mostPreemptions = 100

    private struct Account: Sendable {
        var submission: Submission
        var isHeld: Bool
        /// Whether Berth holds it for its family, and whether it may run one task to try it.
        var isHeldWithFamily = false
        var isOnProbation = false
        var hasStarted = false
        var ended: [Int: EndState] = [:]
        /// Every way in which it has ended so far, reopened or not.
        var endStates: Set<EndState> = []
        /// Its tasks that hold resources.
        var active: Set<Int> = []
    }

    package init() {}

    /// Whether the attempt was started under this fence and has not ended.
    package func isLive(_ attempt: Attempt) -> Bool { live[attempt.fence]?.id == attempt.id }

    /// Whether the attempt was ever started.
    package func hasStarted(_ attempt: AttemptID) -> Bool { usedAttempts.contains(attempt) }

    package mutating func read(_ event: ClusterEvent) throws(BrokenPromise) {
        switch event {
        case .configured(let configuration): self.configuration = configuration
        case .submitted(let submission): try submitted(submission)
        case .reopened(let submission, by: _):
            for index in submission.reopened?.tasks ?? IndexRanges() { jobs[submission.id]?.ended[index] = nil }
            jobs[submission.id]?.submission = submission
            letGo(submission.id)
        case .held(let job, by: _): hold([job], withFamily: false)
        case .released(let job, by: _): letGo(job)
        case .jobsHeld(let held, let hold):
            self.hold(held, withFamily: hold.family != nil)
            if let family = hold.family { heldFamilies.insert(family) }
        case .familyReleased(let family, let released): try release(family, released)
        case .started(let attempt, _): try started(attempt)
        case .attemptEnded(let attempt, let end, then: let disposition): try ended(attempt, end, disposition)
        case .tasksEnded(let job, let tasks, let outcome, by: _):
            for index in tasks { try count(outcome.state, TaskID(job: job, index: index)) }
        case .stopping(let attempt, .preempted, by: _):
            preemptions[attempt.task, default: 0] += 1
            try BrokenPromise.unless(
                preemptions[attempt.task, default: 0] <= Self.mostPreemptions,
                "no task is stopped for others for ever", "\(attempt) is stopped")
        case .foreseen, .launched, .reported, .stopping, .memberEnded, .nodeJoined, .nodeReturned, .nodeLost,
            .nodeFaulted, .nodeDrained, .nodeUndrained, .staleAttemptEnded:
            break
        }
    }

    private mutating func submitted(_ submission: Submission) throws(BrokenPromise) {
        try BrokenPromise.unless(
            jobs[submission.id] == nil, "a job's number is used once", "job \(submission.id) was submitted twice")
        let key = submission.user + "\n" + submission.key
        // The jobs of one submission lie side by side: a later one under its key would be a second submission.
        let before = submission.id.number > 1 ? jobs[Job.ID(submission.id.number - 1)]?.submission : nil
        try BrokenPromise.unless(
            keys[key] == nil || (before?.key == submission.key && before?.user == submission.user),
            "the same key is the same submission", "\(submission.key) made job \(submission.id) as well")
        keys[key] = submission.contentDigest
        jobs[submission.id] = Account(submission: submission, isHeld: submission.specification.isHeld)
        if !submission.specification.isHeld { letGo(submission.id) }
    }

    private mutating func hold(_ held: [Job.ID], withFamily: Bool) {
        for job in held {
            jobs[job]?.isHeld = true
            jobs[job]?.isHeldWithFamily = withFamily
            jobs[job]?.isOnProbation = false
        }
    }

    private mutating func letGo(_ job: Job.ID) {
        jobs[job]?.isHeld = false
        jobs[job]?.isHeldWithFamily = false
        guard let account = jobs[job] else { return }
        jobs[job]?.isOnProbation = heldFamilies.contains(JobFamily(account.submission))
    }

    private mutating func release(_ family: JobFamily, _ released: [Job.ID]) throws(BrokenPromise) {
        try BrokenPromise.unless(
            heldFamilies.remove(family) != nil, "only held families are let go", "\(family) was not held")
        for job in released {
            jobs[job]?.isOnProbation = false
            guard jobs[job]?.isHeldWithFamily == true else { continue }
            jobs[job]?.isHeldWithFamily = false
            jobs[job]?.isHeld = false
        }
    }

    // MARK: - Starts

    private mutating func started(_ attempt: Attempt) throws(BrokenPromise) {
        let id = attempt.id
        let index = id.task.index ?? 0
        guard let job = jobs[id.task.job] else { throw BrokenPromise("only jobs start", "\(id) is of no job") }
        try BrokenPromise.unless(
            attempt.fence > lastFence, "fences grow", "\(id) has \(attempt.fence) after \(lastFence)")
        try BrokenPromise.unless(
            usedAttempts.insert(id).inserted, "attempt numbers never repeat", "\(id) was started twice")
        try BrokenPromise.unless(
            !live.values.contains { $0.id.task == id.task }, "one live attempt a task", "\(id) is the second")
        try BrokenPromise.unless(job.ended[index] == nil, "what has ended does not start", "\(id) started")
        try BrokenPromise.unless(!job.isHeld, "held jobs do not start", "\(id) started")
        try BrokenPromise.unless(
            !job.isOnProbation || job.active.isEmpty, "one task tries for a family that fails",
            "\(id) started beside \(job.active.sorted())")
        // Somebody who runs an ended job again does not wait for what it had waited for.
        for dependency in job.submission.reopened == nil ? job.submission.specification.dependencies : [] {
            try BrokenPromise.unless(isMet(dependency), "dependencies come first", "\(id) started before \(dependency)")
        }
        lastFence = attempt.fence
        live[attempt.fence] = attempt
        jobs[id.task.job]?.hasStarted = true
        guard let holder = attempt.predecessor else { return try holds(id, after: job) }
        try BrokenPromise.unless(
            live.values.contains { $0.id == holder && $0.allocation == attempt.allocation }
                && holder.task.job == id.task.job && !waiting.values.contains { $0.contains(holder) },
            "only what a live attempt of the job holds is taken over", "\(id) waits behind \(holder)")
        waiting[holder, default: []].append(id)
    }

    /// The attempt holds resources from now on.
    private mutating func holds(_ id: AttemptID, after job: Account) throws(BrokenPromise) {
        if let parallel = job.submission.specification.array?.parallel {
            try BrokenPromise.unless(
                job.active.count < parallel, "no array exceeds its limit", "\(id) is one more than \(parallel)")
        }
        try checkLimits(of: job, starting: id)
        jobs[id.task.job]?.active.insert(id.task.index ?? 0)
    }

    private func isMet(_ dependency: Dependency) -> Bool {
        guard let job = jobs[dependency.job] else { return false }
        return switch dependency.condition {
        case .started: job.hasStarted || !job.endStates.isEmpty
        case .ended: !job.endStates.isEmpty
        case .succeeded: job.endStates.contains(.succeeded)
        case .failed: job.endStates.contains(.failed) || job.endStates.contains(.timedOut)
        }
    }

    private func checkLimits(of job: Account, starting id: AttemptID) throws(BrokenPromise) {
        guard let queue = configuration.queue(job.submission.specification.queue) else { return }
        let inQueue = jobs.values.filter { $0.submission.specification.queue == queue.name && !$0.active.isEmpty }
        let running = inQueue.reduce(0) { $0 + $1.active.count }
        let byUser = inQueue.filter { $0.submission.user == job.submission.user }.reduce(0) { $0 + $1.active.count }
        try BrokenPromise.unless(
            running < queue.maximumRunning ?? .max && byUser < queue.maximumRunningPerUser ?? .max,
            "no queue exceeds its limits", "\(id) started beside \(running) in \(queue.name), \(byUser) of its user")
    }

    // MARK: - Ends

    private mutating func ended(_ id: AttemptID, _ end: AttemptEnd, _ disposition: ClusterEvent.Disposition)
        throws(BrokenPromise)
    {
        let index = id.task.index ?? 0
        guard let fence = live.first(where: { $0.value.id == id })?.key else {
            throw BrokenPromise("an attempt ends once", "\(id) is not live")
        }
        live[fence] = nil
        jobs[id.task.job]?.active.remove(index)
        for holder in waiting.keys { waiting[holder]?.removeAll { $0 == id } }
        if var others = waiting.removeValue(forKey: id), !others.isEmpty, let job = jobs[id.task.job] {
            let heir = others.removeFirst()
            waiting[heir] = others
            try holds(heir, after: job)
        }
        guard case .ended(let outcome) = disposition else { return }
        try BrokenPromise.unless(
            outcome.state != .succeeded || (end.cause == .exit && end.exitCode == 0),
            "only what exits with 0 succeeds", "\(id) \(end.cause)")
        try count(outcome.state, id.task)
    }

    private mutating func count(_ state: EndState, _ id: TaskID) throws(BrokenPromise) {
        let index = id.index ?? 0
        guard let job = jobs[id.job] else { throw BrokenPromise("only jobs end", "\(id) is of no job") }
        try BrokenPromise.unless(
            job.ended[index] == nil, "a task ends once",
            "\(id) ended \(state) after \(String(describing: job.ended[index]))")
        jobs[id.job]?.ended[index] = state
        guard let ended = jobs[id.job]?.ended, ended.count == job.submission.specification.taskIndices.count else {
            return
        }
        jobs[id.job]?.endStates.insert(ended.values.reduce(into: Job.Tally()) { $0.count($1, 1) }.state)
    }
}
