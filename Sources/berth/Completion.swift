import ArgumentParser
import BerthAPI
import BerthModel

struct Completion: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print a completion script.",
        discussion: "bash: source <(berth completion bash)   zsh: berth completion zsh > ~/.zfunc/_berth")

    @Argument(help: "bash, zsh or fish.") var shell: String

    func run() throws {
        guard let shell = CompletionShell(rawValue: shell) else {
            let known = CompletionShell.allCases.map(\.rawValue)
            throw Failure(
                2,
                "There is no completion for \"\(shell)\". "
                    + (self.shell.nearest(in: known).map { "Did you mean \"\($0)\"?" }
                        ?? "There are \(known.joined(separator: ", "))."))
        }
        print(Berth.completionScript(for: shell))
    }
}

struct Version: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print this program's version, and the controller's where one answers.")

    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let answer: [String: String]? = try? await Client().get("/version", timeout: .seconds(2))
        let controller = answer?["version"]
        if json { return try printJSON(["version": berthVersion, "controller": controller]) }
        print("berth \(berthVersion)" + (controller.map { " (controller \($0))" } ?? ""))
    }
}
