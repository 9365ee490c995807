import ArgumentParser
import BerthExecution
import BerthModel
import Foundation

/// Where a controller and an agent keep what is theirs, and where their sockets are.
struct StateDirectory {
    let path: String

    /// `--state-dir`, else `BERTH_STATE_DIR`, else the user's state directory (for root `/var/lib/berth`).
    init(_ option: String?) {
        let environment = ProcessInfo.processInfo.environment
        let chosen =
            option ?? environment["BERTH_STATE_DIR"]
            ?? (getuid() == 0
                ? "/var/lib/berth"
                : (environment["XDG_STATE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()
                    + "/.local/state") + "/berth")
        path = URL(fileURLWithPath: chosen).standardizedFileURL.path
    }

    var database: String { path + "/berth.sqlite" }
    var tokenFile: String { path + "/token" }
    /// Where HTTP is served on TCP, if it is: one line, a URL.
    var addressFile: String { path + "/http.address" }
    var socket: String { get throws { try ShortPath.of(path, room: 12) + "/berth.sock" } }
    var agentSocket: String { get throws { try ShortPath.of(path, room: 12) + "/agents.sock" } }

    func make() throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(1, "The state directory \(path) cannot be made: \(error.localizedDescription)")
        }
    }

    /// What callers over TCP and joining agents show; made at the first call.
    func token() throws -> String {
        if let text = try? String(contentsOfFile: tokenFile, encoding: .utf8) {
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let token = (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
        guard
            FileManager.default.createFile(
                atPath: tokenFile, contents: Data((token + "\n").utf8), attributes: [.posixPermissions: 0o600])
        else { throw Failure(1, "The token cannot be kept in \(tokenFile).") }
        return token
    }

    func removeSockets() {
        for file in ["/berth.sock", "/agents.sock"].map({ path + $0 }) + [addressFile] { unlink(file) }
        if let short = try? ShortPath.of(path, room: 12), short != path { unlink(short) }
    }

    /// Where `berth-keeper` is: beside this program.
    static func keeper() throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let keeper = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("berth-keeper").path
        guard access(keeper, X_OK) == 0 else {
            throw Failure(1, "berth-keeper is not beside \(own). Build or install both programs.")
        }
        return keeper
    }
}

/// A daemon's mark in its state directory: a file with its process number and, of an agent, its node's name; locked as
/// long as the daemon lives.
struct DaemonMark {
    private let name: String
    private let file: String

    init(_ name: String, in directory: StateDirectory) {
        self.name = name
        file = directory.path + "/\(name).pid"
    }

    var alreadyRuns: Failure {
        Failure(
            1, "The \(name) of this state directory runs already (process \(holder ?? 0)). Stop it first: berth down.")
    }

    /// Takes the mark for this process until it ends.
    ///
    /// - Returns: false where another process has it.
    func take() -> Bool {
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
        ftruncate(descriptor, 0)
        let text = "\(getpid())\n"
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
        return true
    }

    /// Writes a node's name below the process number.
    func add(_ node: String) {
        let descriptor = open(file, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = (node + "\n").withCString { write(descriptor, $0, strlen($0)) }
    }

    private var lines: [String] {
        ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    /// The process that has the mark, if one does.
    var holder: pid_t? {
        let descriptor = open(file, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return nil }
        return lines.first.flatMap { pid_t($0) }
    }

    /// The nodes of the process that has it.
    var names: [String] { Array(lines.dropFirst()) }
}

struct StateOptions: ParsableArguments {
    @Option(name: .customLong("state-dir"), help: "Where Berth keeps its state (default: $BERTH_STATE_DIR).")
    var stateDirectory: String?

    var directory: StateDirectory { StateDirectory(stateDirectory) }
}
