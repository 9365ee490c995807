import ArgumentParser
import BerthAPI
import BerthModel
import Foundation

struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print a job's output, or follow it.")

    @Argument(help: "The job, or a task of an array: 42, 42.7.") var job: String
    @Flag(name: .shortAndLong, help: "Go on until the job has ended.") var follow = false
    @Flag(name: .customLong("err"), help: "Standard error instead of standard output.") var isStandardError = false
    @Option(help: ArgumentHelp("This attempt (default: the last one).", valueName: "n")) var attempt: Int?
    @Option(help: ArgumentHelp("This member of a gang (default: 0).", valueName: "n")) var rank: Int?

    func run() async throws {
        let id = try taskID(job)
        let client = try Client()
        if follow, attempt == nil {
            let view: JobView = try await client.get("/jobs/\(id)")
            let last = view.attempts.map(\.number).max() ?? 1
            if view.array == nil {
                let follower = OutputFollower(
                    client: client, job: id.description, isStandardError: isStandardError, rank: rank, attempt: last)
                return try await follower.copy(to: .standardOutput)
            }
        }
        let query = Client.query([
            ("attempt", attempt.map(String.init)), ("rank", rank.map(String.init)),
            ("stream", isStandardError ? "stderr" : nil),
            ("follow", follow ? "true" : nil),
        ])
        try await client.stream("/jobs/\(id)/logs\(query)") { try OutputFollower.write($0, to: .standardOutput) }
    }
}
