import ArgumentParser
import BerthAPI
import BerthController
import BerthModel
import Foundation

struct Jobs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "jobs", abstract: "List jobs, the oldest first.")

    @Option(help: ArgumentHelp("In one of these states, comma-separated.", valueName: "state")) var state: [String] = []
    @Option(help: "Submitted by this user.") var user: String?
    @Option(help: "Of this project.") var project: String?
    @Option(help: "In this queue.") var queue: String?
    @Option(help: "With this name.") var name: String?
    @Option(help: ArgumentHelp("With this label.", valueName: "k=v")) var label: [String] = []
    @Option(help: ArgumentHelp("Submitted since: a time, or a duration ago (2h).", valueName: "time")) var since:
        String?
    @Option(help: ArgumentHelp("The newest so many.", valueName: "n")) var limit = 1000
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let states = state.flatMap { $0.split(separator: ",").map(String.init) }
        let query = Client.query(
            states.map { ("state", $0) } + label.map { ("label", $0) } + [
                ("user", user), ("project", project), ("queue", queue), ("name", name), ("since", try sinceTime()),
                ("limit", "\(limit)"),
            ])
        let jobs: [JobView] = try await Client().get("/jobs" + query)
        if listing.json { return try printJSON(jobs) }
        var table = Table(["ID", "NAME", "STATE", "QUEUE", "USER", "NODES", "SUBMITTED", "TIME", "TASKS"])
        for job in jobs {
            table.add(
                [
                    job.id, job.name, job.state.rawValue, job.queue, job.user, job.nodes.joined(separator: ","),
                    Terminal.time(job.submitTime), Terminal.span(from: job.startTime, to: job.endTime), job.taskSummary,
                ], colours: [2: Terminal.colour(of: job.state)])
        }
        try table.print(format: listing.format)
        let held = jobs.count { $0.state == .held && $0.hold != nil }
        if held > 0 { Terminal.note("Berth holds \(held.counted("job")) by itself; berth why JOB says for what.") }
        if jobs.isEmpty { Terminal.note("No job is so. berth submit -- CMD makes one.") }
        if jobs.count == limit { Terminal.note("Only the newest \(limit) are shown; --limit shows more.") }
    }

    private func sinceTime() throws -> String? {
        guard let since else { return nil }
        if let duration = Duration(text: since) { return (Timestamp.now - duration).description }
        guard let time = Timestamp(since) else {
            throw Failure(2, "\"\(since)\" is neither a time (2026-11-25T08:00:00Z) nor a duration (2h).")
        }
        return time.description
    }
}

extension JobView {
    /// Of an array: `40 running, 60 succeeded`.
    var taskSummary: String {
        guard let tasks else { return "" }
        return JobState.allCases.compactMap { state in tasks[state.rawValue].map { "\($0) \(state.rawValue)" } }
            .joined(separator: ", ")
    }
}
