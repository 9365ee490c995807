import ArgumentParser
import CLinux
import Foundation

struct Notify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "From within a job: report progress, metrics and checkpoints to Berth.")

    @Option(help: "From 0 to 1.") var progress: Double?
    @Option(help: "What it is doing.") var note: String?
    @Option(help: "A checkpoint that is complete.") var checkpoint: String?
    @Option(help: ArgumentHelp("A measured number.", valueName: "k=v")) var metric: [String] = []
    @Flag(help: "It has saved what it needs and may be ended.") var done = false
    @Option(help: ArgumentHelp("It needs so much longer before it is ended.", valueName: "seconds")) var extend: Double?

    func run() throws {
        guard let path = ProcessInfo.processInfo.environment["BERTH_SOCKET"] else {
            throw Failure(2, "BERTH_SOCKET is not set: berth notify works within a job only.")
        }
        var message: [String: Any] = [:]
        message["progress"] = progress
        message["note"] = note
        message["checkpoint"] = checkpoint
        if !metric.isEmpty { message["metric"] = try metrics() }
        if done { message["done"] = true }
        message["extend"] = extend
        guard !message.isEmpty else { throw Failure(2, "There is nothing to say. See berth notify --help.") }
        var line = try JSONSerialization.data(withJSONObject: message, options: [.sortedKeys, .withoutEscapingSlashes])
        line.append(UInt8(ascii: "\n"))
        let socket = berth_connect_unix(path)
        guard socket >= 0 else { throw Failure(1, "Nobody listens at \(path): \(String(cString: strerror(errno))).") }
        defer { close(socket) }
        guard line.withUnsafeBytes({ send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }) == line.count else {
            throw Failure(1, "\(path) did not take it: \(String(cString: strerror(errno))).")
        }
    }

    private func metrics() throws -> [String: Double] {
        try metric.reduce(into: [:]) { result, text in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let value = Double(parts[1]), value.isFinite else {
                throw Failure(2, "A metric is NAME=NUMBER, and here stands \"\(text)\".")
            }
            result[parts[0]] = value
        }
    }
}
