import Foundation
import Testing

/// Berth in a folder of its own: the programs, a state directory, and a directory where commands are given. When a test
/// lets go of it, everything that was started here is ended and the folder removed, whatever the test did.
final class Installation {
    /// Everything of this installation is below it. No other has had this name.
    let folder: String
    /// Where commands are given, and jobs run.
    let work: String
    let state: String
    let programs: String
    /// What every command finds.
    var environment: [String: String]
    private let user: UInt32?

    /// - Parameter user: the user and group that commands are given as, by number; nil is the one who tests.
    init(user: UInt32? = nil) throws {
        let name = "berth-test-" + UUID().uuidString.prefix(13)
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appendingPathComponent(name).path
        (work, state) = (folder + "/work", folder + "/state")
        self.user = user
        programs = user == nil ? Self.builtPrograms : folder + "/programs"
        let own = ProcessInfo.processInfo.environment
        environment = [
            "PATH": programs + ":" + (own["PATH"] ?? "/usr/bin:/bin"), "HOME": folder, "BERTH_STATE_DIR": state,
            "LANG": "C.UTF-8",
        ]
        let files = FileManager.default
        for directory in [work, folder + "/said"] {
            try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        guard access(Self.builtPrograms + "/berth", X_OK) == 0, access(Self.builtPrograms + "/berth-keeper", X_OK) == 0
        else {
            throw TestProblem(
                "berth and berth-keeper are not in \(Self.builtPrograms). Build them, or set BERTH_PROGRAMS.")
        }
        guard let user else { return }
        // Where they were built perhaps only their builder may go.
        try files.createDirectory(atPath: programs, withIntermediateDirectories: true)
        for name in ["berth", "berth-keeper"] {
            // By another process: one that is written here could not be run while a test beside this one starts a program.
            let copy = ["/usr/bin/install", "-m", "755", Self.builtPrograms + "/" + name, programs]
            try Command(copy, environment: [:], directory: folder, input: nil, folder: folder + "/said").ended()
        }
        for directory in [folder, work] { chown(directory, user, user) }
    }

    deinit {
        Processes.end(in: folder)
        for place in Processes.attemptDirectories(of: folder) + [folder] {
            try? FileManager.default.removeItem(atPath: place)
        }
    }

    /// `BERTH_PROGRAMS`, else where this test was built.
    static var builtPrograms: String {
        if let named = ProcessInfo.processInfo.environment["BERTH_PROGRAMS"] { return named }
        let place = CommandLine.arguments.first.map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        // Where the runner loads the tests as a bundle, its own place says nothing.
        let places = [place, place?.appendingPathComponent("../../..").standardized].compactMap { $0?.path }
        return places.first { access($0 + "/berth", X_OK) == 0 } ?? places.first ?? "."
    }

    /// The package's root, for what it ships beside the programs: `BERTH_ROOT`, else found from this file.
    static var root: String {
        ProcessInfo.processInfo.environment["BERTH_ROOT"]
            ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").standardized
            .path
    }

    /// Everything that runs for this installation.
    var processes: [pid_t] { Processes.working(in: folder) }

    // MARK: - Commands

    /// Starts `berth` with these arguments.
    func start(_ arguments: [String], environment more: [String: String] = [:], input: String? = nil) throws -> Command
    {
        try start(program: programs + "/berth", arguments, environment: more, input: input)
    }

    func start(_ arguments: String..., environment more: [String: String] = [:]) throws -> Command {
        try start(arguments, environment: more)
    }

    /// Starts any program as the commands of this installation are.
    func start(
        program: String, _ arguments: [String], environment more: [String: String] = [:], input: String? = nil
    ) throws -> Command {
        var words = [program] + arguments
        if let user {
            let change = ["--reuid", "\(user)", "--regid", "\(user)", "--clear-groups"]
            words = ["/usr/bin/setpriv"] + change + words
        }
        return try Command(
            words, environment: environment.merging(more) { $1 }, directory: work, input: input,
            folder: folder + "/said")
    }

    /// Gives a command and waits for its end.
    @discardableResult
    func callAsFunction(
        _ arguments: [String], environment more: [String: String] = [:], within seconds: Double = 60
    ) throws -> Command.Result {
        try start(arguments, environment: more).ended(within: seconds)
    }

    @discardableResult
    func callAsFunction(
        _ arguments: String..., environment more: [String: String] = [:], within seconds: Double = 60
    ) throws -> Command.Result {
        try self(arguments, environment: more, within: seconds)
    }

    /// The same where anything but success ends the test.
    @discardableResult
    func successfully(_ arguments: [String], environment more: [String: String] = [:]) throws -> Command.Result {
        let result = try self(arguments, environment: more)
        guard result.code == 0 else { throw TestProblem("\(result)") }
        return result
    }

    @discardableResult
    func successfully(_ arguments: String..., environment more: [String: String] = [:]) throws -> Command.Result {
        try successfully(arguments, environment: more)
    }

    /// The document that a command prints with `--json`.
    func json(_ arguments: String..., environment more: [String: String] = [:]) throws -> JSON {
        try JSON(parsing: successfully(arguments + ["--json"], environment: more).bytes)
    }

    // MARK: - Daemons

    func up(_ options: String...) throws { try successfully(["up", "--detach"] + options) }

    func down() throws { try successfully(["down"]) }

    /// The process that a daemon's file in a state directory names.
    func daemon(_ name: String, in directory: String? = nil) throws -> pid_t {
        let text = try String(contentsOfFile: (directory ?? state) + "/\(name).pid", encoding: .utf8)
        guard let process = text.split(separator: "\n").first.flatMap({ pid_t($0) }) else {
            throw TestProblem("\(name).pid says \"\(text)\".")
        }
        return process
    }

    /// Kills with SIGKILL, and waits until it is gone.
    func kill(_ process: pid_t) throws {
        Foundation.kill(process, SIGKILL)
        try eventually("process \(process) is gone") { !Processes.isAlive(process) }
    }

    // MARK: - Jobs

    /// Submits a job and answers with its id.
    @discardableResult
    func submit(_ arguments: [String]) throws -> String {
        let lines = try successfully(["submit"] + arguments).lines
        guard lines.count == 1 else { throw TestProblem("submit said \(lines).") }
        return lines[0]
    }

    @discardableResult
    func submit(_ arguments: String...) throws -> String { try submit(arguments) }

    /// Submits a text that `/bin/sh` runs.
    func submit(script: String, _ options: String...) throws -> String {
        try submit(options + ["--", "sh", "-c", script])
    }

    func show(_ job: String) throws -> JSON { try json("show", job) }

    /// Waits until a job is in a state.
    func reaches(_ state: String, _ job: String) throws {
        try eventually("job \(job) is \(state)") { try show(job)["state"].text == state }
    }

    /// Waits until jobs have ended, and answers with the last one's record.
    @discardableResult
    func end(of jobs: String...) throws -> JSON {
        try self(["wait"] + jobs)
        return try show(jobs.last ?? "")
    }

    func logs(_ job: String, _ options: String...) throws -> String {
        try successfully(["logs", job] + options).output
    }

    // MARK: - Files

    /// Writes a file where commands are given.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let path = work + "/" + name
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// What a file holds where commands are given; nil where there is none.
    func read(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: work + "/" + name) }

    func lines(_ name: String) -> [String] { (read(name) ?? "").split(separator: "\n").map(String.init) }

    /// Waits until a job has written a line to a file.
    func says(_ line: String, in name: String) throws {
        try eventually("\(name) has the line \"\(line)\"") { lines(name).contains(line) }
    }
}
