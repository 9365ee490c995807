import ArgumentParser
import BerthAPI
import BerthJournal
import BerthModel
import BerthWeb

struct ProvReplay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Plan again, on the recorded past, what was planned when a job was started, and compare.",
        discussion: "Exit code 1 says that the plan is another one; what differs first is printed.")

    @Argument(help: ArgumentHelp("The job, a task, or one of their attempts.", valueName: "job[.task][@n]"))
    var job: String
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let (task, number) = try parsed()
        let result = try await replayed(task, number)
        if json {
            try printJSON(result)
        } else if result.identical {
            print("\(result.attempt): the plan is identical.")
        } else {
            print("\(result.attempt): the plan is another one. The first difference is \(result.field ?? "unknown"):")
            print("  recorded  \(result.recorded ?? "")\n  replayed  \(result.replayed ?? "")")
        }
        if !result.identical { throw ExitCode(1) }
    }

    private func parsed() throws -> (TaskID, Int?) {
        guard job.contains("@") else { return (try taskID(job), nil) }
        guard let attempt = AttemptID(job) else {
            throw Failure(2, "\"\(job)\" is no attempt; those are like 42@1, or 42.7@2 for a task of an array.")
        }
        return (attempt.task, attempt.number)
    }

    private func replayed(_ task: TaskID, _ number: Int?) async throws -> ReplayView {
        if Client.isRemote {
            let query = Client.query([("attempt", number.map(String.init))])
            return try await Client().get("/jobs/\(task)/replay" + query, timeout: .seconds(3600))
        }
        guard let (attempt, verdict) = try History.local({ try JournalPast(path: $0).replayed(task, number: number) })
        else { throw Failure(3, "No such attempt of job \(task) was started.") }
        return ReplayView(attempt, verdict)
    }
}
