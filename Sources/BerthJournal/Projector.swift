import BerthModel
import Foundation
import GRDB

/// Writes into the tables what an event means. Everything comes from the events alone, so the tables can be made again
/// from them and compared. They say everything once `finish()` has returned.
final class Projector {
    let database: Database
    var jobs = JobChanges()

    init(_ database: Database) { self.database = database }

    func project(_ recorded: RecordedEvent) throws {
        let time = recorded.time.microseconds
        switch recorded.event {
        case .configured: break
        case .submitted(let submission): try submitted(submission, recorded)
        case .foreseen: break  // The event itself is the record.
        case .reopened(let submission, by: _): try reopened(submission)
        case .held(let job, by: _): try hold(job, nil)
        case .released(let job, by: _): try release(job)
        case .jobsHeld(let jobs, let hold): for job in jobs { try self.hold(job, hold) }
        case .familyReleased(_, let jobs): for job in jobs { try release(job) }
        case .started(let attempt, let decision): try started(attempt, decision)
        case .launched(let attempt, let launch): try launched(attempt, launch)
        case .reported(let attempt, let report): try reported(attempt, report)
        case .stopping(let attempt, let reason, by: _): try stopping(attempt, reason)
        case .memberEnded(let attempt, let rank, let end): try ended(attempt, rank: rank, end)
        case .attemptEnded(let attempt, let end, then: let disposition): try ended(attempt, end, disposition)
        case .tasksEnded(let job, let tasks, let outcome, by: let user):
            try ended(job, tasks, outcome, by: user, at: time)
        case .nodeJoined(let registration): try joined(registration, at: time)
        case .nodeReturned(let node):
            try run("UPDATE node SET state = 'up', last_us = ? WHERE name = ?", [time, node.text])
        case .nodeLost(let node):
            try run("UPDATE node SET state = 'lost', last_us = ? WHERE name = ?", [time, node.text])
        case .nodeFaulted: break  // The event itself is the record.
        case .nodeDrained(let node, let drain):
            try run("UPDATE node SET drain = ? WHERE name = ?", [drain.reason, node.text])
        case .nodeUndrained(let node, by: _): try run("UPDATE node SET drain = NULL WHERE name = ?", [node.text])
        case .staleAttemptEnded: break  // The event itself is the record; what was decided about the task stands.
        }
    }

    /// Writes what is left after the last event of a transaction.
    func finish() throws { try jobs.write(into: database) }

    func run(_ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    private func joined(_ registration: NodeRegistration, at time: Int64) throws {
        let stack = registration.stack
        try run(
            """
            INSERT INTO node (name, state, first_us, last_us) VALUES (?, 'up', ?, ?)
            ON CONFLICT DO UPDATE SET state = 'up', last_us = excluded.last_us
            """, [registration.name.text, time, time])
        try run("UPDATE node_stack SET to_us = ? WHERE node = ? AND to_us IS NULL", [time, registration.name.text])
        try run(
            """
            INSERT INTO node_stack (node, from_us, topology_digest, kernel, operating_system, drivers, agent_version,
              cores, memory_bytes, stack) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                registration.name.text, time, registration.inventoryDigest, stack.kernelRelease, stack.operatingSystem,
                stack.drivers.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "),
                registration.agentVersion, registration.inventory.cores.count, registration.inventory.memoryBytes,
                try EventCoding.text(stack),
            ])
    }
}
