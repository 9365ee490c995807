import BerthJournal
import BerthModel
import BerthWorkloads

/// Berth's own recorded history: one run of it.
enum JournalFormat: TraceFormat {
    static let options: Set<SimulationArguments.OptionName> = [.workload, .policy, .from, .until]
    static let knowsTime = true

    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart] {
        let policy = try arguments.chosenPolicy(JournalPolicy.self)
        let from = try arguments.time(arguments.from, .from)
        let until = try arguments.time(arguments.until, .until)
        if let from, let until, from >= until {
            throw Failure(2, "--from \(from) is not before --until \(until), so there is no time between them.")
        }
        let history = try history(arguments.onlyWorkload().path)
        let workload = try JournalWorkload(history, from: from, until: until)
        return [SimulationPart { [workload.simulate(policy, label: "history")] }]
    }

    private static func history(_ path: String) throws -> JournalHistory {
        var history = JournalHistory()
        do {
            try Journal.events(ofKinds: JournalHistory.eventKinds, path: path) { history.take($0, at: $1) }
        } catch let error as JournalError {
            throw Failure(2, error.description)
        }
        return history
    }
}
