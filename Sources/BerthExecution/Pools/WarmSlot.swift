import BerthKeeping
import BerthModel
import CLinux
import Foundation
import Glibc

/// A fork server of one user's, under a keeper of its own, which gives it its user, its group and its end, and lets it
/// outlive the agent. Its directory `slot-KEY` has the keeper's files, and in `own`, which is the user's, the server's.
struct WarmSlot: Sendable {
    /// `PoolDefinition.key(user:)`.
    let key: String
    let pool: String
    let handle: KeeperHandle
    /// Where the server listens once it has imported everything.
    let socket: String
    private let directory: String

    static let prefix = "slot-"
    /// What follows the parent in a socket's path.
    static let socketRoom = 32

    /// Starts a server.
    ///
    /// - Parameters:
    ///   - parent: where the slot's directory is made; `shortParent` is the same place by a path short enough for a socket's.
    ///   - log: takes what the server writes.
    init(
        _ definition: PoolDefinition, key: String, user: JobUser?, parent: String, shortParent: String, keeper: String,
        isolation: Isolation, worker: [UInt8], log: String
    ) throws {
        (self.key, pool) = (key, definition.name)
        directory = parent + "/" + Self.prefix + key
        socket = shortParent + "/" + Self.prefix + key + "/own/s"
        // An earlier server of this key has ended.
        try? FileManager.default.removeItem(atPath: directory)
        let own = directory + "/own"
        for path in [directory, own] {
            guard mkdir(path, 0o700) == 0 else { throw ExecutionProblem("\(path) cannot be made", errno) }
        }
        try replaceFile(own + "/berth_worker.py", with: worker, isDurable: false, mode: 0o644)
        if let user {
            guard lchown(directory, 0, user.group) == 0, chmod(directory, 0o710) == 0 else {
                throw ExecutionProblem("\(directory) cannot be opened to user \(user.name)", errno)
            }
            for path in [own, own + "/berth_worker.py"] { try user.own(path) }
        }
        var order = LaunchOrder(
            attempt: Self.prefix + key, fence: 0, arguments: definition.command + ["--socket", socket],
            environment: Self.environment(user, modules: own), workingDirectory: user?.home ?? "/", standardOutput: log,
            standardError: log, graceMilliseconds: 0)
        (order.isOutputPrivate, order.isErrorPrivate) = (true, true)
        order.user = user?.identity
        order.group = isolation.group(of: Self.prefix + key)
        order.memoryLimitBytes = definition.memoryBytes > 0 ? definition.memoryBytes : nil
        handle = try KeeperHandle.launch(order, in: directory, program: keeper)
    }

    /// Takes hold of a server that an earlier agent started; nil where it has ended.
    init?(takingOver key: String, pool: String, parent: String, shortParent: String) {
        directory = parent + "/" + Self.prefix + key
        (self.key, self.pool, handle) = (key, pool, KeeperHandle(directory: directory))
        socket = shortParent + "/" + Self.prefix + key + "/own/s"
        guard handle.isAlive else { return nil }
    }

    /// One thread while it imports: a process with threads cannot be forked safely, and what a library has started stays
    /// behind in the parent.
    private static func environment(_ user: JobUser?, modules: String) -> [String] {
        let agent = ProcessInfo.processInfo.environment
        var variables = ["PATH": agent["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"]
        if user == nil { variables["HOME"] = agent["HOME"] }
        variables.merge(user?.variables ?? [:]) { _, theirs in theirs }
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] { variables[name] = "1" }
        variables["PYTHONPATH"] = modules
        variables["PYTHONDONTWRITEBYTECODE"] = "1"
        return variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }

    /// How long its imports took, in seconds; nil while it still imports.
    var importSeconds: Double? {
        guard let text = try? readFile(directory + "/own/s.ready", limit: 64) else { return nil }
        return Double(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Ends it, and what has come out of it with it.
    func stop() {
        try? handle.stop(graceMilliseconds: 0, reason: "idle")
        handle.reap()
    }

    /// Clears it away once it has ended.
    func remove() {
        handle.reap()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
