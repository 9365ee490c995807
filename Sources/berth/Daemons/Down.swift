import ArgumentParser
import BerthAPI
import BerthController
import Foundation

struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down",
        abstract: "Stop the local controller and agent. Running jobs get their notice, and run again at the next start."
    )

    @Option(help: ArgumentHelp("Wait at most so many seconds for running jobs to end.", valueName: "seconds"))
    var timeout: Int = 60
    @OptionGroup var state: StateOptions

    func run() async throws {
        let directory = state.directory
        let marks = ["agent", "controller"].map { DaemonMark($0, in: directory) }
        let processes = Set(marks.compactMap(\.holder))
        guard !processes.isEmpty else {
            Terminal.note("Nothing runs in \(directory.path).")
            directory.removeSockets()
            return
        }
        if let client = try? Client(directory) { await drain(marks[0].names, client) }
        for process in processes { kill(process, SIGTERM) }
        let deadline = ContinuousClock.now + .seconds(20)
        while processes.contains(where: { kill($0, 0) == 0 }) {
            guard ContinuousClock.now < deadline else {
                let list = processes.map(String.init).joined(separator: ", ")
                throw Failure(1, "Process \(list) does not stop. kill -9 it; jobs and journal survive that.")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        directory.removeSockets()
        Terminal.note("Berth is down.")
    }

    /// Stops the nodes' jobs with their notice, and waits until they have ended.
    private func drain(_ nodes: [String], _ client: Client) async {
        guard let body = try? JSONEncoder().encode(DrainRequest(reason: Controller.downReason, stop: true)) else {
            return
        }
        let deadline = ContinuousClock.now + .seconds(timeout)
        for name in nodes {
            let path = "/nodes/\(name)"
            guard let _: NodeView = try? await client.post(path + "/drain", body) else { continue }
            while ContinuousClock.now < deadline, let view: NodeTopologyView = try? await client.get(path),
                !view.node.holders.isEmpty
            {
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
