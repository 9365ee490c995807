import BerthJournal
import BerthModel
import BerthSimulation
import Testing

/// Some hours of a simulated cluster, as its controller would have written them down: a group of events a round.
struct Life {
    let simulation: Simulation
    let rounds: [[RecordedEvent]]

    init(seed: UInt64, jobs: Int = 12) throws {
        var simulation = Simulation(seed: seed, jobs: jobs, faults: Set(Fault.allCases))
        try simulation.run(for: .seconds(86_400))
        self.simulation = simulation
        var rounds: [[RecordedEvent]] = []
        for event in simulation.journal.events {
            if rounds.last?.last?.time == event.time {
                rounds[rounds.count - 1].append(event)
            } else {
                rounds.append([event])
            }
        }
        self.rounds = rounds
    }

    var events: [RecordedEvent] { simulation.journal.events }

    /// Writes it all down.
    func recorded(in folder: TemporaryFolder) async throws -> Journal {
        let journal = try Journal(path: folder.database)
        for round in rounds { try await journal.append(round.map(\.event), at: round[0].time) }
        return journal
    }
}

extension Job {
    /// How many tasks are in which state, worked out from the job itself.
    var taskStates: [JobState: Int] {
        var counts: [JobState: Int] = [isHeld ? .held : .pending: waitingCount]
        for task in tasks.values {
            switch task.state {
            case .waiting: break
            case .starting: counts[.starting, default: 0] += 1
            case .running: counts[.running, default: 0] += 1
            case .stopping: counts[.stopping, default: 0] += 1
            }
        }
        counts[.succeeded] = ended.succeeded
        counts[.failed] = ended.failed
        counts[.cancelled] = ended.cancelled
        counts[.timedOut] = ended.timedOut
        return counts.filter { $0.value > 0 }
    }
}
