import ArgumentParser
import BerthAPI
import BerthModel
import Foundation

struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until jobs have ended; exits with 0 if all have succeeded, else with 1.")

    @Argument(help: "Jobs, or tasks of arrays.") var jobs: [String]
    @Flag(help: "Print one JSON document: the jobs as they ended.") var json = false

    func run() async throws {
        let ids = try jobs.map(taskID)
        let client = try Client()
        // Asked first, so that a wrong id is known before anything is waited for.
        for id in ids { let _: JobView = try await client.get("/jobs/\(id)/wait?timeout=0&attempts=0") }
        var ended: [JobView] = []
        for id in ids {
            let job = try await client.end(of: id.description, withAttempts: json)
            ended.append(job)
            if job.state != .succeeded, !json {
                Terminal.note(
                    "Job \(job.id) \(job.state.sentence)" + (job.reason.map { " (\($0))" } ?? "") + "."
                        + (job.message.map { " \($0)" } ?? ""))
            }
        }
        if json { try printJSON(ended) }
        if ended.contains(where: { $0.state != .succeeded }) { throw ExitCode(1) }
    }
}
