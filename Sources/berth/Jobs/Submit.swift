import ArgumentParser
import BerthAPI
import BerthDescription
import BerthModel
import Foundation

struct Submit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Submit jobs; prints their ids.",
        usage:
            "berth submit [OPTIONS] -- CMD ARG…\n       berth submit [OPTIONS] FILE.yaml…\n       berth submit [OPTIONS] --script FILE"
    )

    @OptionGroup var submission: SubmissionArguments
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let ids = try await submission.submit(to: Client())
        if json { try printJSON(SubmitAnswer(jobs: ids)) } else { for id in ids { print(id) } }
    }
}

extension SubmissionArguments {
    /// Submits everything as one, all or none, and returns the ids.
    func submit(to client: Client) async throws -> [String] {
        var jobs = try descriptions()
        let keys = Set(jobs.compactMap(\.idempotencyKey))
        guard keys.count <= 1 else {
            throw Failure(
                2, "The descriptions name \(keys.count) idempotency keys; what is submitted together has one.")
        }
        let key = keys.first ?? UUID().uuidString.lowercased()
        try await StagedUpload(client).send(filesOf: &jobs)
        let body = try JobDescription.body(jobs, key: key)
        // The key makes asking again harmless: after a broken connection the first submission answers.
        var attemptsLeft = 3
        while true {
            do {
                let answer: SubmitAnswer = try await client.post("/jobs", body)
                return answer.jobs
            } catch let failure as Failure where failure.code == 5 && attemptsLeft > 0 {
                attemptsLeft -= 1
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }
}
