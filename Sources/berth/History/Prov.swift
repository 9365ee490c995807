import ArgumentParser
import BerthAPI
import BerthJournal
import BerthModel
import Foundation

struct Prov: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prov", abstract: "Ask the history: what ran, on what, from what, and why.",
        discussion:
            "It works on the local journal, whether a controller runs or not; with BERTH_CONTROLLER set, on that controller's.",
        subcommands: [ProvShow.self, ProvSQL.self, ProvVerify.self, ProvReplay.self])
}

/// Where questions about the history go.
enum History {
    static func answer(_ statement: String, rowLimit: Int = 100_000) async throws -> ProvenanceQuery.Answer {
        guard Client.isRemote else {
            return try local { try ProvenanceQuery(path: $0).answer(statement, rowLimit: rowLimit) }
        }
        let body = try JSONEncoder().encode(SQLRequest(statement: statement, limit: rowLimit))
        return try await Client().post("/sql", body)
    }

    static func local<Value>(_ body: (String) throws -> Value) throws -> Value {
        do { return try body(StateDirectory(nil).database) } catch let error as JournalError {
            throw Failure(2, error.description)
        }
    }
}

struct ProvSQL: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql", abstract: "Ask with SQL; nothing can be changed. docs/provenance.md describes the views.")

    @Argument(help: "A SELECT.") var statement: [String]
    @Option(help: ArgumentHelp("At most so many rows.", valueName: "n")) var limit = 10_000
    @Flag(help: "Print one JSON document: a list of objects.") var json = false

    func run() async throws {
        let answer = try await History.answer(statement.joined(separator: " "), rowLimit: limit)
        if json {
            let rows = answer.rows.map { row in
                Dictionary(zip(answer.columns, row), uniquingKeysWith: { first, _ in first })
            }
            try printJSON(rows)
        } else {
            var table = Table(answer.columns)
            for row in answer.rows { table.add(row.map(\.text)) }
            try table.print()
        }
        if answer.isCut { Terminal.note("Only the first \(limit) rows are shown; --limit shows more.") }
    }
}

struct ProvVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that no event was changed or removed, and that the tables say what the events say.")

    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let result: JournalVerification =
            Client.isRemote
            ? try await Client().get("/verify", timeout: .seconds(3600)) : try History.local(Journal.verify(path:))
        if json {
            try printJSON(result)
        } else {
            for fault in result.faults { print(Terminal.coloured("✗ ", .red) + fault) }
            if result.faults.isEmpty {
                print(
                    "\(result.events) events, no hole and no change; the tables say what they say.\nhead \(result.head)"
                )
            }
        }
        if !result.faults.isEmpty { throw ExitCode(1) }
    }
}
