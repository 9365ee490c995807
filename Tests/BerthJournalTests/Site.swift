import BerthJournal
import BerthModel
import BerthSimulation
import Foundation
import GRDB
import Testing

/// A small cluster with a journal: every word of a scene is an event, checked, made durable, and then true.
struct Site {
    let folder: TemporaryFolder
    let journal: Journal
    private(set) var cluster = Cluster()
    private(set) var now = Timestamp.epoch + .seconds(86_400)

    /// Nodes `n1`, `n2` …, each with eight cores and a simulated quantum device of two instances.
    init(nodes: Int = 1) async throws {
        folder = try TemporaryFolder()
        journal = try Journal(path: folder.database)
        try await record(.configured(ClusterConfiguration()))
        for number in 1...nodes { try await record(.nodeJoined(.machine(NodeName("n\(number)")))) }
    }

    mutating func record(_ events: ClusterEvent...) async throws { try await record(events) }

    mutating func record(_ events: [ClusterEvent]) async throws {
        var next = cluster
        for event in events { try next.apply(event, at: now) }
        try await journal.append(events, at: now)
        cluster = next
    }

    mutating func wait(_ duration: Duration) { now = now + duration }

    // MARK: - Jobs

    /// A job's submission that nobody has made yet.
    func submission(
        _ name: String = "job", tasks: Int? = nil, user: String = "ada", key: String? = nil,
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) -> Submission {
        var specification = JobSpecification(name: name, command: ["true"], workingDirectory: "/", queue: "batch")
        specification.array = tasks.map { ArraySpecification(indices: IndexRanges(0..<$0)) }
        change(&specification)
        return Submission(
            id: cluster.nextJob, specification: specification, user: user, submitTime: now,
            key: key ?? "key\(cluster.nextJob)", contentDigest: "digest")
    }

    mutating func submitted(
        _ name: String = "job", tasks: Int? = nil, user: String = "ada", key: String? = nil,
        _ change: (inout JobSpecification) -> Void = { _ in }
    ) async throws -> Job.ID {
        let submission = submission(name, tasks: tasks, user: user, key: key, change)
        try await record(.submitted(submission))
        return submission.id
    }

    /// The task's next attempt, on the first free core of a node.
    mutating func started(_ job: Job.ID, _ index: Int? = nil, on node: NodeName = "n1", qsim: Int = 0) async throws
        -> AttemptID
    {
        let task = TaskID(job: job, index: index)
        let cpu = try #require(cluster.nodes[node]?.free.cpus.numbers.first)
        let attempt = Attempt(
            id: AttemptID(task: task, number: (cluster.task(task)?.attempts ?? 0) + 1), fence: cluster.nextFence,
            allocation: Allocation(
                node: node, cpus: [cpu], coreCount: 1,
                devices: qsim == 0 ? [] : [.init(name: "qsim0", kind: "qsim", thousandths: qsim * 1000)]),
            plannedTime: now)
        try await record(.started(attempt, .plain))
        return attempt.id
    }

    mutating func running(_ job: Job.ID, _ index: Int? = nil, on node: NodeName = "n1", inputs: [FileRecord] = [])
        async throws -> AttemptID
    {
        let attempt = try await started(job, index, on: node)
        let launch = Launch(startTime: now, processID: 4711, bound: Binding(cpus: [0]), inputs: inputs)
        try await record(.launched(attempt: attempt, launch))
        return attempt
    }

    mutating func exited(_ attempt: AttemptID, _ code: Int = 0, outputs: [FileRecord] = []) async throws {
        let end = AttemptEnd(cause: .exit, exitCode: code, endTime: now, outputs: outputs)
        let outcome = Outcome(state: code == 0 ? .succeeded : .failed, reason: .exit, exitCode: code)
        try await record(.attemptEnded(attempt: attempt, end, then: .ended(outcome)))
    }

    mutating func timedOut(_ attempt: AttemptID) async throws {
        let end = AttemptEnd(cause: .timeLimit, signal: 15, endTime: now)
        let outcome = Outcome(state: .timedOut, reason: .timeLimit, signal: 15)
        try await record(.attemptEnded(attempt: attempt, end, then: .ended(outcome)))
    }

    /// The attempt fails, and its task waits for the next one.
    mutating func failedAndWaits(_ attempt: AttemptID, _ code: Int = 1) async throws {
        let end = AttemptEnd(cause: .exit, exitCode: code, endTime: now)
        try await record(.attemptEnded(attempt: attempt, end, then: .waits(notBefore: nil, countsAsRetry: true)))
    }

    mutating func cancelled(_ job: Job.ID, _ tasks: IndexRanges = IndexRanges(0..<1)) async throws {
        let outcome = Outcome(state: .cancelled, reason: .cancelled, message: "ada cancelled it.")
        try await record(.tasksEnded(job: job, tasks: tasks, outcome, by: "ada"))
    }

    // MARK: - What the history says

    func job(_ id: String) throws -> JobRecord? { try journal.job(#require(TaskID(id))) }

    func jobs(_ change: (inout JobFilter) -> Void = { _ in }) throws -> [UInt64] {
        var filter = JobFilter()
        change(&filter)
        return try journal.jobs(filter).map(\.id.job.number)
    }

    func expectsNoFault(sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try journal.verify().faults == [], sourceLocation: sourceLocation)
    }
}

/// The journal's file without Berth's care for it.
func withDatabase<Value>(_ path: String, _ body: (Database) throws -> Value) throws -> Value {
    try DatabaseQueue(path: path).writeWithoutTransaction(body)
}

/// Changes what must not be changed: the triggers that keep events as they are go first.
func tamper(_ path: String, _ sql: String, _ arguments: StatementArguments = []) throws {
    try withDatabase(path) { database in
        try database.execute(
            sql: "DROP TRIGGER IF EXISTS event_is_not_changed; DROP TRIGGER IF EXISTS event_is_not_removed")
        try database.execute(sql: sql, arguments: arguments)
    }
}

extension Decision {
    static let plain = Decision(
        policy: "test", saw: "", jobsAhead: 0, nodesConsidered: 1, candidates: [], rejected: [:])
}

extension NodeRegistration {
    static func machine(_ name: NodeName) -> NodeRegistration {
        var registration = SyntheticFleet.registration(2)
        registration.name = name
        registration.stack.kernelRelease = "6.18.5"
        return registration
    }
}
