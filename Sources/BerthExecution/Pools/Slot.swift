import BerthKeeping
import BerthModel
import Foundation
import Glibc

/// Where an agent's slots live, and what they are made with.
struct SlotPlace: Sendable {
    /// The directory for the slots' own, and the same by a path that is short enough for a socket's.
    var parent: String
    var shortParent: String
    var logs: String
    /// The path of `berth-keeper`.
    var keeper: String
    var isolation: Isolation
    /// The node's.
    var devices: [Device]
}

/// One user's process of a pool, under a keeper of its own, which gives it its user, its group and its end, and lets it
/// outlive the agent. Its directory has the keeper's files, what it is in `slot.json`, and in `own`, which is the user's,
/// the process's own.
struct Slot: Sendable {
    /// What it is, for an agent that comes later.
    struct Identity: Codable, Hashable, Sendable {
        var pool: String
        /// What it holds, whoever it is for: `PoolDefinition.key` of nobody.
        var content: String
        /// Where a model server listens; nil for a fork server.
        var url: String?
        /// Names of the devices that it sees.
        var devices: [String] = []
    }

    /// What is started in it.
    struct Launch {
        var arguments: [String]
        var environment: [String: String]
        /// By their names in `own`.
        var files: [String: [UInt8]] = [:]
        var memoryBytes: Int64
        /// From which its memory comes, as long as there is some.
        var numaNodes: [Int] = []
        var user: JobUser?
    }

    static let prefix = "slot-"

    /// `slot-KEY-SERIAL`; also of its control group.
    let name: String
    let identity: Identity
    let handle: KeeperHandle
    private let place: SlotPlace

    /// `PoolDefinition.key(user:devices:)`.
    var key: String { Self.key(of: name) }
    var directory: String { place.parent + "/" + name }
    var log: String { Self.log(of: name, identity, in: place) }
    var group: ControlGroup { place.isolation.group(of: name) }

    /// Whose processes it has.
    var owner: uid_t {
        var status = stat()
        return stat(directory + "/own", &status) == 0 ? status.st_uid : getuid()
    }

    private static func key(of name: String) -> String { String(name.dropFirst(prefix.count).prefix(16)) }

    /// A name that no slot has had: one that still ends has files and a control group of another name than its successor.
    static func freshName(_ key: String) -> String {
        prefix + key + "-" + String(wallClockMicroseconds() / 1000, radix: 36)
    }

    /// Where a process in it may listen.
    static func socket(_ name: String, in place: SlotPlace) -> String { place.shortParent + "/" + name + "/own/s" }
    var socket: String { Self.socket(name, in: place) }

    /// Starts it.
    ///
    /// - Parameter name: fresh, or of a slot that has ended and is gone.
    init(_ identity: Identity, name: String, _ launch: Launch, in place: SlotPlace) throws {
        (self.identity, self.name, self.place) = (identity, name, place)
        let directory = place.parent + "/" + name
        guard mkdir(directory, 0o700) == 0 else { throw ExecutionProblem("\(directory) cannot be made", errno) }
        do {
            try Self.furnish(directory, identity, launch)
            var order = Self.order(name, launch, log: Self.log(of: name, identity, in: place), in: place)
            // What comes out of a fork server has devices of its own.
            if identity.url != nil {
                order.refusedDevices = place.isolation.refusedDevices(of: place.devices, given: identity.devices)
            }
            handle = try KeeperHandle.launch(order, in: directory, program: place.keeper)
        } catch {
            try? FileManager.default.removeItem(atPath: directory)
            throw error
        }
    }

    private static func log(of name: String, _ identity: Identity, in place: SlotPlace) -> String {
        place.logs + "/pool-\(identity.pool)-\(key(of: name)).log"
    }

    private static func furnish(_ directory: String, _ identity: Identity, _ launch: Launch) throws {
        let own = directory + "/own"
        guard mkdir(own, 0o700) == 0 else { throw ExecutionProblem("\(own) cannot be made", errno) }
        for (file, bytes) in launch.files {
            try replaceFile(own + "/" + file, with: bytes, isDurable: false, mode: 0o644)
        }
        try replaceFile(directory + "/slot.json", with: try CanonicalJSON.bytes(of: identity), isDurable: false)
        guard let user = launch.user else { return }
        guard lchown(directory, 0, user.group) == 0, chmod(directory, 0o710) == 0 else {
            throw ExecutionProblem("\(directory) cannot be opened to user \(user.name)", errno)
        }
        for path in [own] + launch.files.keys.map({ own + "/" + $0 }) { try user.own(path) }
    }

    private static func order(_ name: String, _ launch: Launch, log: String, in place: SlotPlace) -> LaunchOrder {
        // Not every account has the home that it names.
        let home = launch.user.flatMap { access($0.home, X_OK) == 0 ? $0.home : nil }
        var order = LaunchOrder(
            attempt: name, fence: 0, arguments: launch.arguments,
            environment: launch.environment.map { "\($0.key)=\($0.value)" }.sorted(), workingDirectory: home ?? "/",
            standardOutput: log, standardError: log, numaNodes: launch.numaNodes, graceMilliseconds: 0)
        (order.isOutputPrivate, order.isErrorPrivate) = (true, true)
        order.user = launch.user?.identity
        order.group = place.isolation.group(of: name)
        order.memoryLimitBytes = launch.memoryBytes > 0 ? launch.memoryBytes : nil
        return order
    }

    /// Takes hold of one that an earlier agent started. One that does not say what it is belongs to no pool.
    init(takingOver name: String, in place: SlotPlace) {
        (self.name, self.place) = (name, place)
        handle = KeeperHandle(directory: place.parent + "/" + name)
        let bytes = try? readFile(place.parent + "/" + name + "/slot.json", limit: 64 << 10)
        identity =
            bytes.flatMap { try? JSONDecoder().decode(Identity.self, from: Data($0)) }
            ?? Identity(pool: "", content: "")
    }

    /// The variables that every slot's process has.
    static func environment(for user: JobUser?) -> [String: String] {
        let agent = ProcessInfo.processInfo.environment
        var variables = ["PATH": agent["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"]
        if user == nil { variables["HOME"] = agent["HOME"] }
        return variables.merging(user?.variables ?? [:]) { _, theirs in theirs }
    }

    // MARK: - Its end

    /// Ends it, and what has come out of it with it. Blocks until all is gone; a process that the kernel cannot end now is
    /// not waited for longer than 5 s.
    func end() {
        // One that has just been started does not listen yet.
        for _ in 0..<100 where (try? handle.stop(graceMilliseconds: 0, reason: "idle")) == nil {
            guard handle.isAlive else { break }
            usleep(20_000)
        }
        for _ in 0..<2500 {
            guard handle.isAlive else { break }
            usleep(2000)
        }
        clearAway()
    }

    /// What is left of one that has ended.
    func clearAway() {
        if let record = try? handle.record(), case .running = record.phase { handle.killLeftovers(of: record) }
        handle.reap()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// How it ended by itself, with the last that it wrote: `ended with exit code 1 (its last words: …)`.
    var ending: String {
        let end =
            switch (try? handle.record())?.phase {
            case .launchFailed(let problem, _): "could not be started: \(problem)"
            case .ended(let end) where end.cause == .outOfMemory: "used more memory than the pool gives it"
            case .ended(let end):
                end.signal.map { "was ended by signal \($0)" } ?? "ended with exit code \(end.exitCode ?? 0)"
            case .running, nil: "was killed"
            }
        return end + lastWords
    }

    /// The end of what it wrote, in brackets; empty where it wrote nothing.
    var lastWords: String {
        let text = OutputFile(path: log).tail(isStandardError: true, limit: 600)?.text ?? ""
        let lines = text.split(whereSeparator: \.isNewline).suffix(5).joined(separator: "; ")
        return lines.isEmpty ? "" : " (its last words: \(lines))"
    }
}
