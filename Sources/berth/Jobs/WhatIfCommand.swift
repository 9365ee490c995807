import ArgumentParser
import BerthAPI
import BerthController
import BerthDescription
import BerthModel
import Foundation

struct WhatIfCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whatif",
        abstract: "Say what a job more, a node more, a node less or another policy would change for everybody.",
        discussion: "Nothing is changed. Several options together are supposed together.")

    @Option(help: ArgumentHelp("Jobs come: descriptions in YAML or JSON.", valueName: "file")) var submit: String?
    @Option(
        help: ArgumentHelp(
            "So many nodes come, like this one, or like the one that a JSON file registers.", valueName: "like[:n]"))
    var addNode: String?
    @Option(help: ArgumentHelp("A node is lost.", valueName: "name")) var removeNode: String?
    @Option(help: ArgumentHelp("Queues and planning policy as in this file.", valueName: "file")) var configuration:
        String?
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let answer: WhatIfView = try await Client().post("/whatif", try body())
        if json { return try printJSON(answer) }
        var table = Table(["JOB", "NAME", "USER", "NOW EXPECTED", "THEN", "CHANGE"])
        for change in answer.jobs where change.direction != "same" {
            table.add([
                change.job, change.name, change.user, change.direction == "new" ? "-" : Self.text(change.before),
                Self.text(change.after), Self.text(change),
            ])
        }
        if answer.jobs.contains(where: { $0.direction != "same" }) { try table.print() }
        let same = answer.jobs.count { $0.direction == "same" }
        if same > 0 { print("\(same.counted("job")) would start when expected now.") }
        if answer.jobs.isEmpty { print("No job waits.") }
        if !answer.preempted.isEmpty {
            print("It would stop " + answer.preempted.joined(separator: ", ") + " for others.")
        }
        if answer.forecastIsCut { Terminal.note("The forecast ends before its 30 days: it would be too much work.") }
    }

    private static func text(_ time: String?) -> String { time.map { Terminal.time($0) } ?? "not in 30 days" }

    private static func text(_ change: WhatIfView.Change) -> String {
        guard let seconds = change.difference else { return change.direction }
        return Duration.seconds(abs(seconds)).text + " " + change.direction
    }

    // MARK: - The question

    private func body() throws -> Data {
        guard submit != nil || addNode != nil || removeNode != nil || configuration != nil else {
            throw Failure(
                2,
                "Nothing is supposed. Use --submit FILE, --add-node LIKE, --remove-node NAME or --configuration FILE.")
        }
        let question = WhatIfRequest(
            addNode: try addNode.map(Self.added), removeNode: removeNode,
            configuration: try configuration.map { try ControllerCommand.settings($0).cluster })
        let encoded = try JSONSerialization.jsonObject(with: JSONEncoder().encode(question))
        guard var document = encoded as? [String: Any] else { throw Failure(1, "The question cannot be written.") }
        if let submit { document["submit"] = try Self.described(submit) }
        return try JSONSerialization.data(withJSONObject: document)
    }

    /// In bytes.
    private static let largestRegistration = 16 << 20

    private static func added(_ text: String) throws -> WhatIfRequest.AddedNode {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let count = parts.count == 2 ? Int(parts[1]) : 1, (1...1000).contains(count) else {
            throw Failure(2, "--add-node is LIKE or LIKE:N with N from 1 to 1000, and here stands \"\(text)\".")
        }
        guard FileManager.default.fileExists(atPath: parts[0]) else { return .init(like: parts[0], count: count) }
        do {
            let bytes = try InputFile.bytes(of: parts[0], upTo: Self.largestRegistration)
            let registration = try JSONDecoder().decode(NodeRegistration.self, from: Data(bytes))
            return .init(registration: registration, count: count)
        } catch let error as DecodingError {
            throw Failure(2, "\(parts[0]) registers no node: \(error)")
        }
    }

    /// The jobs of a file, in the form in which they are submitted.
    private static func described(_ file: String) throws -> Any {
        let context = JobDescription.Context(
            directory: FileManager.default.currentDirectoryPath, defaultQueue: "", now: .now)
        do {
            let bytes = try InputFile.bytes(of: file, upTo: Document.largestSize)
            let jobs = try JobDescription.all(bytes, file: file, context)
            let body = try JSONSerialization.jsonObject(with: JobDescription.body(jobs, key: "whatif"))
            return (body as? [String: Any])?["jobs"] ?? []
        } catch let error as DescriptionError {
            throw Failure(2, error.description)
        }
    }
}
