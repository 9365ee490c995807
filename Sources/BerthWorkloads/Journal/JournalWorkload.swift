public import BerthModel
import BerthScheduling

/// A recorded history as a workload: the jobs of some time, on the machines that they were recorded on.
public struct JournalWorkload: Sendable {
    let fleet: RecordedFleet
    /// In the order of their submissions.
    let jobs: [ReplayedJob]
    /// Tasks that are not replayed: those that have not ended, those that ended without having run, and those that the
    /// fleet or the queues as they are now would refuse.
    let leftOut: Int

    /// - Parameters:
    ///   - from: leaves out jobs that were submitted earlier.
    ///   - until: leaves out jobs that were submitted at that time or later.
    /// - Throws: where nothing is left to replay.
    public init(_ history: JournalHistory, from: Timestamp? = nil, until: Timestamp? = nil) throws(TraceError) {
        fleet = RecordedFleet(history)
        var selection = Selection(history, fleet)
        let inTime = history.jobs.indices.filter { place in
            let time = history.jobs[place].submitTime
            return from.map { $0 <= time } ?? true && until.map { time < $0 } ?? true
        }
        selection.choose(among: inTime)
        jobs = selection.jobs
        leftOut = selection.leftOut
        guard !jobs.isEmpty else {
            throw TraceError(
                inTime.isEmpty
                    ? "No job was submitted in that time; the journal has \(history.jobs.count) in all."
                    : "None of the \(inTime.count) jobs of that time has run to its end on machines that are known.")
        }
    }

    /// Lives the history again, or tells how it was.
    ///
    /// - Returns: a run with the metrics `jobs`, `tasks`, `meanWaitSeconds`, `maximumWaitSeconds` (from submission to the
    ///   first start), `averageBoundedSlowdown` (threshold 10 s), `meanFlowSeconds` (from submission to the end),
    ///   `utilization` (0 to 1, from the first submission to the last end), `preemptions`, `lostWorkSeconds` (what ran
    ///   and had to be run again), `leftOut` (tasks that are in none of these) and, where a driver told, `gpuEnergyKilojoules`
    ///   (of all attempts).
    public func simulate(_ policy: JournalPolicy, label: String) -> SimulationRun {
        let outcome =
            switch policy {
            case .berth: replayed()
            case .recorded: JournalOutcome(recordedOf: self)
            }
        return SimulationRun(outcome, of: self, label: label)
    }

    private func replayed() -> JournalOutcome {
        var replay = JournalReplay(self)
        replay.run()
        return replay.outcome
    }
}

/// The choice of what is replayed.
private struct Selection {
    private let history: JournalHistory
    /// Asked what fits; nothing is ever submitted to it.
    private var gate: Dispatcher
    private(set) var jobs: [ReplayedJob] = []
    private(set) var leftOut = 0

    init(_ history: JournalHistory, _ fleet: RecordedFleet) {
        self.history = history
        gate = fleet.dispatcher(at: .epoch)
    }

    /// - Parameter candidates: places in the history.
    mutating func choose(among candidates: [Int]) {
        var chosen: [(place: Int, tasks: [Int: [RecordedAttempt]])] = []
        for place in candidates {
            let job = history.jobs[place]
            let tasks = job.endedTasks
            if !tasks.isEmpty, accepts(job.submission.specification) {
                chosen.append((place, tasks))
                leftOut += job.tasks - tasks.count
            } else {
                leftOut += job.tasks
            }
        }
        // A clock may have been set back between two submissions.
        chosen.sort { (history.jobs[$0.place].submitTime, $0.place) < (history.jobs[$1.place].submitTime, $1.place) }
        let places = Dictionary(
            chosen.enumerated().map { ($1.place, $0) }, uniquingKeysWith: { first, _ in first })
        jobs = chosen.map { replayed(history.jobs[$0.place], tasks: $0.tasks, places) }
    }

    private mutating func accepts(_ specification: JobSpecification) -> Bool {
        var specification = specification
        specification.deadline = nil
        do throws(Refusal) { try gate.check(specification, at: .epoch) } catch { return false }
        return true
    }

    /// - Parameter places: where jobs of the history are among those that are replayed.
    private func replayed(_ job: RecordedJob, tasks: [Int: [RecordedAttempt]], _ places: [Int: Int]) -> ReplayedJob {
        var dependencies: [(place: Int, condition: Dependency.Condition)] = []
        var earliest: Timestamp?
        for dependency in job.dependencies {
            let others = history.places[dependency.job] ?? []
            guard let other = others.last(where: { history.jobs[$0].submitTime <= job.submitTime }) else { continue }
            if let place = places[other] {
                dependencies.append((place, dependency.condition == .started ? .started : .ended))
            } else {
                let met = dependency.condition == .started ? history.jobs[other].startTime : history.jobs[other].endTime
                if let met { earliest = max(met, earliest ?? met) }
            }
        }
        return ReplayedJob(job, tasks: tasks, dependencies: dependencies, earliest: earliest)
    }
}
