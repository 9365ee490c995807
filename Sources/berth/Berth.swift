import ArgumentParser
import BerthAPI
import BerthModel
import Foundation

/// The one program: each subcommand is a file of its own.
struct Berth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "berth",
        abstract: "A batch scheduler for mixed hardware: cores, GPUs and declared accelerators.",
        discussion: "On one machine: berth up --detach, then berth run -- echo hello, then berth down.",
        version: berthVersion,
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(
                name: "Jobs",
                subcommands: [
                    Submit.self, Run.self, Wait.self, Jobs.self, Show.self, Logs.self, Cancel.self, Hold.self,
                    Release.self,
                    Requeue.self, Why.self, WhatIfCommand.self, Notify.self, Infer.self,
                ]),
            CommandGroup(
                name: "Fleet",
                subcommands: [
                    Nodes.self, ShowNode.self, Drain.self, Undrain.self, TopologyCommand.self, Queues.self, Pools.self,
                ]),
            CommandGroup(name: "History", subcommands: [Prov.self]),
            CommandGroup(name: "Planning", subcommands: [Simulate.self]),
            CommandGroup(
                name: "Running Berth",
                subcommands: [
                    Up.self, Down.self, ControllerCommand.self, AgentCommand.self, Completion.self, Version.self,
                ]),
        ])
}

@main
enum Main {
    /// Parses and runs. Exit codes are those of `docs/reference/command-line.md`: 2 for wrong usage, and what the failure
    /// says otherwise.
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        do {
            try await run(parsed())
        } catch let failure as Failure {
            Terminal.complain(failure.description)
            exit(failure.code)
        } catch let status as ExitCode {
            exit(status.rawValue)
        } catch {
            if Berth.exitCode(for: error) == .success {  // Help that was asked for.
                print(Berth.fullMessage(for: error))
                exit(0)
            }
            Terminal.complain("\(error)")
            exit(1)
        }
    }

    /// The command that was written.
    private static func parsed() throws -> sending any ParsableCommand {
        try refuseUnknownCommand()
        do { return try Berth.parseAsRoot() } catch {
            if error is Failure || Berth.exitCode(for: error) == .success { throw error }
            // The usage of some commands fills a screen; the sentence and where to read on are enough.
            let command = CommandLine.arguments.dropFirst().first.map { $0.hasPrefix("-") ? "" : " \($0)" } ?? ""
            throw Failure(2, "\(Berth.message(for: error))\nSee berth\(command) --help.")
        }
    }

    private static func run(_ command: sending any ParsableCommand) async throws {
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            var command = command
            try command.run()
        }
    }

    private static func refuseUnknownCommand() throws {
        guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-") else { return }
        let known =
            Berth.configuration.groupedSubcommands.flatMap(\.subcommands)
            .compactMap { $0.configuration.commandName } + ["help"]
        guard !known.contains(word) else { return }
        let hint = word.nearest(in: known).map { "Did you mean \"\($0)\"?" } ?? "berth --help lists them."
        throw Failure(2, "There is no command \"\(word)\". \(hint)")
    }
}

/// What a command could not do, and its exit code.
struct Failure: Error, CustomStringConvertible {
    let code: Int32
    let description: String

    init(_ code: Int32, _ description: String) {
        self.code = code
        self.description = description
    }

    init(_ problem: Problem) {
        let codes = ["invalid": Int32(2), "notFound": 3, "refused": 4, "unauthorized": 4, "unavailable": 1]
        self.init(codes[problem.kind] ?? 1, problem.problem)
    }
}
