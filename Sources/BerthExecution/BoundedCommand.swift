import CLinux
import Glibc

/// A program of the node's owner that is run beside jobs, without a shell, in a process group of its own and for a bounded time.
struct BoundedCommand: Sendable {
    /// The program, looked up in the environment's `PATH`, and its arguments.
    let arguments: [String]
    /// `NAME=VALUE`, all of it.
    let environment: [String]
    let limit: Duration

    /// Bytes of its standard error that are kept, the last ones.
    private static let mostErrorBytes = 2048

    /// Runs it to its end; blocks. At the limit all of its group is killed.
    ///
    /// - Throws: how it failed, with the last lines that it wrote to its standard error.
    func run() throws(ExecutionProblem) {
        var ends: [Int32] = [-1, -1]
        guard berth_pipe(&ends) == 0, fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 else {
            throw ExecutionProblem("A pipe cannot be had", errno)
        }
        let (reading, writing) = (ends[0], ends[1])
        defer { close(reading) }
        let spawned = spawn(errors: writing)
        close(writing)
        guard case .success(let process) = spawned else {
            guard case .failure(let problem) = spawned else { return }
            throw problem
        }
        var tail: [UInt8] = []
        var status: Int32 = 0
        let deadline = ContinuousClock.now + limit
        while waitpid(process, &status, WNOHANG) == 0 {
            guard ContinuousClock.now < deadline else {
                kill(-process, SIGKILL)
                kill(process, SIGKILL)
                waitpid(process, &status, 0)
                read(reading, into: &tail)
                throw ExecutionProblem("\(name) was killed: it ran for more than \(limit)\(Self.shown(tail)).")
            }
            var waiting = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, 10)
            read(reading, into: &tail)
            // Closed by the program, which goes on: there is nothing to wait for but time.
            if waiting.revents & Int16(POLLHUP) != 0 { usleep(5000) }
        }
        read(reading, into: &tail)
        guard status != 0 else { return }
        let signal = status & 0x7F
        let end = signal == 0 ? "failed with exit code \(status >> 8 & 0xFF)" : "ended by signal \(signal)"
        throw ExecutionProblem("\(name) \(end)\(Self.shown(tail)).")
    }

    private var name: String { arguments.joined(separator: " ") }

    private func spawn(errors: Int32) -> Result<pid_t, ExecutionProblem> {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETPGROUP))
        var argumentPointers = arguments.map { strdup($0) } + [nil]
        var environmentPointers = environment.map { strdup($0) } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var process: pid_t = 0
        let code = posix_spawnp(
            &process, arguments[0], &actions, &attributes, &argumentPointers, &environmentPointers)
        return code == 0 ? .success(process) : .failure(ExecutionProblem("\(name) cannot be started", code))
    }

    private func read(_ descriptor: Int32, into tail: inout [UInt8]) {
        // At most what a pipe holds, so that one that writes without end is not read without end.
        for _ in 0..<16 {
            let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
            }
            guard !bytes.isEmpty else { return }
            tail = Array((tail + bytes).suffix(Self.mostErrorBytes))
        }
    }

    /// Its last lines, in one.
    private static func shown(_ tail: [UInt8]) -> String {
        let lines = String(decoding: tail, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(5)
        return lines.isEmpty ? "" : ": " + lines.joined(separator: "; ")
    }
}
