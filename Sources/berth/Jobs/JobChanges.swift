import ArgumentParser
import BerthAPI

/// Commands that change jobs: each job in turn, all of them even if one is refused.
protocol JobChange: AsyncParsableCommand {
    var jobs: [String] { get }
    /// The last part of the address that does it.
    static var verb: String { get }
    /// Completes "Job 42 …".
    static var done: String { get }
}

extension JobChange {
    func run() async throws {
        let ids = try jobs.map(taskID)
        let client = try Client()
        var failure: Failure?
        for id in ids {
            do {
                let job: JobView = try await client.post("/jobs/\(id)/\(Self.verb)")
                Terminal.note("Job \(job.id) \(Self.done).")
            } catch let problem as Failure {
                if ids.count > 1 { Terminal.complain(problem.description) }
                failure = problem
            }
        }
        if let failure { throw ids.count > 1 ? ExitCode(failure.code) : failure }
    }
}

struct Cancel: JobChange {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End jobs: waiting ones at once, running ones after their grace.")
    static let verb = "cancel"
    static let done = "is cancelled"
    @Argument(help: "Jobs, or tasks of arrays.") var jobs: [String]
}

struct Hold: JobChange {
    static let configuration = CommandConfiguration(commandName: "hold", abstract: "Keep waiting jobs from starting.")
    static let verb = "hold"
    static let done = "is held"
    @Argument(help: "Jobs.") var jobs: [String]
}

struct Release: JobChange {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Let held jobs go.")
    static let verb = "release"
    static let done = "is released"
    @Argument(help: "Jobs.") var jobs: [String]
}

struct Requeue: JobChange {
    static let configuration = CommandConfiguration(
        commandName: "requeue",
        abstract:
            "Send running jobs back to the queue, or run ended ones again (of an array, the tasks that did not succeed)."
    )
    static let verb = "requeue"
    static let done = "is in the queue again"
    @Argument(help: "Jobs, or tasks of arrays.") var jobs: [String]
}
