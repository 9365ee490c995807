import ArgumentParser
import BerthJournal
import BerthModel
import Foundation

struct ProvShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a job's record: code, environment, inputs, stack, binding, decisions, events, outputs.")

    @Argument(help: "The job, or a task of an array.") var job: String
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let id = try taskID(job)
        let sections = try await Self.sections(id)
        guard let first = sections.first, !first.rows.isEmpty else {
            throw Failure(3, "There is no job \(id) in the history.")
        }
        if json {
            let document = Dictionary(uniqueKeysWithValues: sections.map { ($0.name, $0.rows) })
            return try printJSON(document)
        }
        for section in sections where !section.rows.isEmpty {
            print(Terminal.coloured(section.title, .bold))
            section.print()
            print("")
        }
    }

    private static func sections(_ id: TaskID) async throws -> [Section] {
        let job = id.job.number
        let task = id.index.map { " AND task = \($0)" } ?? ""
        let attempts = "attempt_id IN (SELECT id FROM attempt WHERE job_id = \(job)\(task))"
        return [
            try await Section("job", "Job", "SELECT * FROM v_job WHERE id = \(job)"),
            try await Section("labels", "Labels", "SELECT key, value FROM label WHERE job_id = \(job) ORDER BY key"),
            try await Section(
                "environment", "Environment",
                "SELECT name, ifnull(value, '(secret)') AS value FROM variable WHERE job_id = \(job) ORDER BY name"),
            try await Section(
                "dependencies", "Dependencies",
                "SELECT on_job, condition FROM dependency WHERE job_id = \(job) ORDER BY on_job"),
            try await Section(
                "attempts", "Attempts",
                "SELECT v.* FROM v_attempt v JOIN attempt a ON a.id = v.attempt_id WHERE a.job_id = \(job)\(task.replacing("task", with: "a.task")) ORDER BY a.task, a.number"
            ),
            try await Section(
                "devices", "Devices",
                "SELECT number AS attempt, node, device, kind, share FROM v_device_use WHERE job_id = \(job)\(task) ORDER BY number, device"
            ),
            try await Section(
                "inputs", "Inputs",
                "SELECT number AS attempt, path, sha256, bytes, problem FROM v_input WHERE job_id = \(job)\(task) ORDER BY task, number, path"
            ),
            try await Section(
                "outputs", "Outputs",
                "SELECT number AS attempt, path, sha256, bytes, problem FROM v_output WHERE job_id = \(job)\(task) ORDER BY task, number, path"
            ),
            try await Section(
                "metrics", "Last metrics",
                "SELECT number AS attempt, name, value, max(time) AS time FROM v_metric WHERE job_id = \(job)\(task) GROUP BY task, number, name ORDER BY task, number, name"
            ),
            try await Section(
                "checkpoints", "Checkpoints",
                "SELECT attempt_id, checkpoint, datetime(time_us / 1000000, 'unixepoch') || 'Z' AS time FROM report WHERE checkpoint IS NOT NULL AND \(attempts) ORDER BY attempt_id, time_us"
            ),
            try await Section(
                "decisions", "Decisions",
                "SELECT number AS attempt, planned, node, runner_up, nodes_considered, policy, saw FROM v_decision WHERE job_id = \(job)\(task) ORDER BY task, number"
            ),
            try await Section(
                "events", "Events", "SELECT seq, time, kind, hash FROM v_event WHERE job_id = \(job) ORDER BY seq"),
        ]
    }

    /// The rows that answer one question.
    private struct Section {
        let name: String
        let title: String
        let columns: [String]
        let rows: [[String: ProvenanceQuery.Value]]

        init(_ name: String, _ title: String, _ statement: String) async throws {
            let answer = try await History.answer(statement)
            self.name = name
            self.title = title
            columns = answer.columns
            rows = answer.rows.map { Dictionary(zip(answer.columns, $0), uniquingKeysWith: { first, _ in first }) }
        }

        /// A few wide rows as sheets, many as a table; what is empty is left out.
        func print() {
            let filled = columns.filter { column in rows.contains { ($0[column] ?? .null).text != "" } }
            if filled.count > 8 {
                for row in rows.prefix(10) {
                    for column in filled where (row[column] ?? .null).text != "" {
                        Swift.print(
                            "  \(column)\(String(repeating: " ", count: max(1, 20 - column.count)))\((row[column] ?? .null).text)"
                        )
                    }
                    if rows.count > 1 { Swift.print("") }
                }
                if rows.count > 10 { Swift.print("  … and \(rows.count - 10) more (--json shows all)") }
                return
            }
            var table = Table(filled.map { $0.uppercased() })
            for row in rows.prefix(50) { table.add(filled.map { Self.short((row[$0] ?? .null).text, $0) }) }
            try? table.print()
            if rows.count > 50 { Swift.print("… and \(rows.count - 50) more (--json shows all)") }
        }

        private static func short(_ text: String, _ column: String) -> String {
            column == "sha256" || column == "hash" ? String(text.prefix(16)) : text
        }
    }
}
