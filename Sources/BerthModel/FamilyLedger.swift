/// What is known of each family: its jobs that have not ended, how often it has failed in a row, where it does well, and
/// whether Berth holds it.
///
/// - Complexity: every question and every change about one family is O(1), whatever the number of its tasks; `jobs(of:)`
///   is what it returns.
public struct FamilyLedger: Hashable, Sendable, Codable {
    private var records: [JobFamily: Record] = [:]
    /// Families without jobs; the longest untouched of them are forgotten once there are too many.
    private var idle = 0

    public init() {}

    static let idleLimit = 4096

    private struct Record: Hashable, Sendable, Codable {
        var jobs: Set<Job.ID> = []
        /// Tasks that failed for good since the last one that succeeded.
        var failures = 0
        /// The last of them, and what is known of its end.
        var lastFailure: Failure?
        /// Why its jobs are held; nil while they are not.
        var hold: JobHold?
        /// Jobs of a held family that may run one task at a time, to see whether it still fails.
        var onProbation: Set<Job.ID> = []
        var launches = Places()
        var successes = Places()
        var touched: Timestamp
    }

    private struct Failure: Hashable, Sendable, Codable {
        var attempt: AttemptID
        var text: String
    }

    /// The last two nodes on which something went well, the later one first: one of them is another than any given.
    private struct Places: Hashable, Sendable, Codable {
        var last: Place?
        var before: Place?

        struct Place: Hashable, Sendable, Codable {
            var node: NodeName
            var time: Timestamp
        }

        mutating func note(_ node: NodeName, at time: Timestamp) {
            if last?.node != node { before = last }
            last = Place(node: node, time: time)
        }

        func isElsewhere(than node: NodeName, since time: Timestamp) -> Bool {
            [last, before].contains { $0.map { $0.node != node && $0.time >= time } ?? false }
        }
    }

    // MARK: - Questions

    /// Whether any family has a job that has not ended.
    public var hasJobs: Bool { records.count > idle }

    /// The family's jobs that have not ended, in order.
    public func jobs(of family: JobFamily) -> [Job.ID] { records[family]?.jobs.sorted() ?? [] }

    /// Tasks of it that failed for good since the last one that succeeded.
    public func failures(of family: JobFamily) -> Int { records[family]?.failures ?? 0 }

    /// Why its jobs are held; nil while they are not.
    public func hold(of family: JobFamily) -> JobHold? { records[family]?.hold }

    /// Why its jobs are to be held by what is known now; nil where none of its tasks has failed.
    public func nextHold(of family: JobFamily) -> JobHold? {
        guard let record = records[family], let last = record.lastFailure else { return nil }
        return JobHold(
            cause: .failures(of: family), count: record.failures, last: last.attempt, text: last.text)
    }

    /// Jobs of it that may try a task, to see whether it still fails.
    public func onProbation(_ family: JobFamily) -> Set<Job.ID> { records[family]?.onProbation ?? [] }

    /// Whether an attempt of the family started on another node since then.
    public func launches(_ family: JobFamily, elsewhereThan node: NodeName, since time: Timestamp) -> Bool {
        records[family]?.launches.isElsewhere(than: node, since: time) ?? false
    }

    /// Whether an attempt of the family succeeded on another node since then.
    public func succeeds(_ family: JobFamily, elsewhereThan node: NodeName, since time: Timestamp) -> Bool {
        records[family]?.successes.isElsewhere(than: node, since: time) ?? false
    }

    // MARK: - Events

    package mutating func join(_ job: Job.ID, _ family: JobFamily, at time: Timestamp) {
        change(family, at: time) { $0.jobs.insert(job) }
    }

    package mutating func leave(_ job: Job.ID, _ family: JobFamily, at time: Timestamp) {
        change(family, at: time) { record in
            record.jobs.remove(job)
            record.onProbation.remove(job)
        }
    }

    /// A task has failed for good, by a fault of its own.
    package mutating func failed(_ family: JobFamily, _ attempt: AttemptID, _ text: String, at time: Timestamp) {
        change(family, at: time) { record in
            record.failures += 1
            record.lastFailure = Failure(attempt: attempt, text: text)
        }
    }

    package mutating func succeeded(_ family: JobFamily, on nodes: [NodeName], at time: Timestamp) {
        change(family, at: time) { record in
            record.failures = 0
            record.lastFailure = nil
            for node in nodes { record.successes.note(node, at: time) }
        }
    }

    package mutating func launched(_ family: JobFamily, on node: NodeName, at time: Timestamp) {
        change(family, at: time) { $0.launches.note(node, at: time) }
    }

    /// Berth holds the family, or goes on holding it.
    package mutating func hold(_ family: JobFamily, _ hold: JobHold, at time: Timestamp) {
        change(family, at: time) { $0.hold = hold }
    }

    package mutating func setProbation(_ isOn: Bool, of job: Job.ID, _ family: JobFamily, at time: Timestamp) {
        change(family, at: time) { record in
            if isOn { record.onProbation.insert(job) } else { record.onProbation.remove(job) }
        }
    }

    package mutating func release(_ family: JobFamily, at time: Timestamp) {
        change(family, at: time) { record in
            record.hold = nil
            record.onProbation = []
        }
    }

    private mutating func change(_ family: JobFamily, at time: Timestamp, _ change: (inout Record) -> Void) {
        let index = records.index(forKey: family)
        if let index {
            // In place: a copy of the record would be a copy of all its jobs' numbers.
            let wasIdle = records.values[index].jobs.isEmpty
            change(&records.values[index])
            records.values[index].touched = time
            idle += (records.values[index].jobs.isEmpty ? 1 : 0) - (wasIdle ? 1 : 0)
        } else {
            var record = Record(touched: time)
            change(&record)
            records[family] = record
            idle += record.jobs.isEmpty ? 1 : 0
        }
        if idle > Self.idleLimit { forgetIdle() }
    }

    /// Forgets half of the families without jobs, those untouched for longest. A held one among them is let go: nobody of
    /// it has come for a long time.
    private mutating func forgetIdle() {
        let old = records.filter(\.value.jobs.isEmpty).map { (touched: $0.value.touched, family: $0.key) }
            .sorted { ($0.touched, $0.family) < ($1.touched, $1.family) }
        for entry in old.prefix(Self.idleLimit / 2) { records[entry.family] = nil }
        idle = old.count - Self.idleLimit / 2
    }
}
