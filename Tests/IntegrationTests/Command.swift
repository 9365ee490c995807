import Foundation

/// A program that a test has started; when the test lets go of it, it is killed. Its output goes to files, so that no process left behind can hold a pipe open.
final class Command {
    let process: pid_t
    private let words: String
    private let files: (output: String, errors: String)
    private var status: Int32?

    /// What a program said, and how it ended.
    struct Result: CustomStringConvertible {
        let command: String
        /// As a shell has it: 128 and the signal's number if a signal ended it.
        let code: Int32
        let bytes: Data
        let errors: String

        var output: String { String(decoding: bytes, as: UTF8.self) }
        var lines: [String] { output.split(separator: "\n").map(String.init) }
        var description: String { "\(command)\nexit code \(code)\n\(output.suffix(2000))\(errors.suffix(2000))" }
    }

    /// - Parameters:
    ///   - words: the program's path and its arguments.
    ///   - folder: where its output is kept.
    init(_ words: [String], environment: [String: String], directory: String, input: String?, folder: String) throws {
        let name = folder + "/" + UUID().uuidString
        self.words = words.map { $0.split(separator: "/").last.map(String.init) ?? $0 }.prefix(8).joined(separator: " ")
        files = (name + ".out", name + ".err")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
        for (descriptor, file) in [(Int32(1), files.output), (2, files.errors)] {
            posix_spawn_file_actions_addopen(&actions, descriptor, file, O_WRONLY | O_CREAT | O_APPEND, 0o666)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let arguments = (["env", "-C", directory] + words).map { strdup($0) }
        let variables = environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for text in arguments + variables { free(text) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, "/usr/bin/env", &actions, &attributes, arguments + [nil], variables + [nil])
        guard code == 0 else { throw TestProblem("/usr/bin/env cannot be run: \(String(cString: strerror(code)))") }
        self.process = process
    }

    deinit {
        guard isRunning else { return }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }

    var isRunning: Bool {
        guard status == nil else { return false }
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return true }
        self.status = status
        return false
    }

    func send(_ signal: Int32) { if isRunning { kill(process, signal) } }

    /// What it has said so far.
    var output: Data { FileManager.default.contents(atPath: files.output) ?? Data() }
    var errors: String { String(decoding: FileManager.default.contents(atPath: files.errors) ?? Data(), as: UTF8.self) }

    /// Waits for its end. One that takes longer than `seconds` hangs: it is killed, and that is an error.
    @discardableResult
    func ended(within seconds: Double = 60) throws -> Result {
        guard holds(within: seconds, { !isRunning }) else {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
            status = SIGKILL
            throw TestProblem(
                "\(words) hangs.\n\(String(decoding: output.suffix(2000), as: UTF8.self))\(errors.suffix(2000))")
        }
        let status = status ?? 0
        let signal = status & 0x7f
        return Result(
            command: words, code: signal == 0 ? status >> 8 & 0xff : 128 + signal, bytes: output, errors: errors)
    }
}

/// What keeps a test from going on.
struct TestProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Looks again and again whether something has become true.
func holds(within seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
        if try condition() { return true }
        guard ContinuousClock.now < deadline else { return false }
        usleep(5000)
    }
}

/// Waits until something has become true.
func eventually(_ what: String, within seconds: Double = 30, _ condition: () throws -> Bool) throws {
    guard try holds(within: seconds, condition) else { throw TestProblem("Not within \(Int(seconds)) s: \(what).") }
}
