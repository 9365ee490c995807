import BerthKeeping
import CLinux
import Foundation
import Glibc
import Testing

/// A folder with one keeper in it, and a test that plays the agent. What a scene waits for is an end or a byte, never
/// a span of time; what is still there when the scene is over is ended and removed.
final class Stage {
    /// The keeper's program: in `$BERTH_PROGRAMS`, or beside the program that runs the tests; nil where it is not built.
    static let program: String? = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = URL(fileURLWithPath: own).deletingLastPathComponent().path
        let folders = [ProcessInfo.processInfo.environment["BERTH_PROGRAMS"] ?? beside, beside]
        return folders.map { $0 + "/berth-keeper" }.first { access($0, X_OK) == 0 }
    }()

    /// How long a scene waits for what must come, however busy the machine is.
    private static let patience: Int32 = 60_000

    let folder: String
    private(set) var handles: [KeeperHandle] = []
    private var descriptors: [Int32] = []

    init() throws {
        folder = "/tmp/berth-keeping-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit {
        for handle in handles {
            if let child = handle.child { kill(child, SIGKILL) }
            if let record = try? handle.record() { handle.killLeftovers(of: record) }
            if let child = handle.child { waitpid(child, nil, 0) }
        }
        for descriptor in descriptors { close(descriptor) }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The keeper's own directory.
    var directory: String { folder + "/keeper" }
    var socket: String { folder + "/socket" }
    var output: String { folder + "/out" }
    var errors: String { folder + "/err" }

    // MARK: - The agent's part

    func order(_ arguments: String..., change: (inout LaunchOrder) -> Void = { _ in }) -> LaunchOrder {
        var order = LaunchOrder(
            attempt: "42.7@2", fence: 9, arguments: arguments,
            environment: ["PATH=/usr/local/bin:/usr/bin:/bin", "STAGE=\(folder)"], workingDirectory: folder,
            standardOutput: output, standardError: errors, graceMilliseconds: 600_000)
        change(&order)
        return order
    }

    /// A shell's script as the job.
    func script(_ text: String, change: (inout LaunchOrder) -> Void = { _ in }) -> LaunchOrder {
        var order = order("/bin/sh", "-c", text)
        change(&order)
        return order
    }

    /// Starts a keeper and hears nothing of it.
    func start(_ order: LaunchOrder, answer: Int32) throws -> KeeperHandle {
        let handle = try KeeperHandle.launch(order, in: directory, program: #require(Self.program), answer: answer)
        handles.append(handle)
        return handle
    }

    /// Waits until there is a file.
    func comes(_ path: String) -> Bool {
        for _ in 0..<Self.patience {
            if access(path, F_OK) == 0 { return true }
            usleep(1000)
        }
        return false
    }

    /// - Returns: the keeper, and what it said first.
    func launch(_ order: LaunchOrder) throws -> (keeper: KeeperHandle, first: KeeperRecord) {
        var ends: [Int32] = [-1, -1]
        try #require(berth_message_pair(&ends) == 0)
        let handle: KeeperHandle
        do {
            defer { close(ends[1]) }
            handle = try start(order, answer: ends[1])
        }
        defer { close(ends[0]) }
        return (handle, try KeeperRecord(bytes: message(from: ends[0])))
    }

    /// Waits for the keeper's end.
    ///
    /// - Returns: its last record.
    func end(of keeper: KeeperHandle) throws -> KeeperRecord {
        try waitForEnd(of: #require(keeper.child))
        keeper.reap()
        return try #require(try keeper.record())
    }

    /// Starts the job and waits for its end.
    func ended(_ order: LaunchOrder) throws -> KeeperRecord.Ended {
        let record = try end(of: launch(order).keeper)
        guard case .ended(let ended) = record.phase else {
            Issue.record("It did not end: \(record)")
            throw KeepingError.malformed("no end")
        }
        return ended
    }

    /// Waits until a process has ended, reaped or not.
    func waitForEnd(of process: pid_t) throws {
        let descriptor = KeeperHandle.endDescriptor(of: process)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        try #require(poll(&polled, 1, Self.patience) == 1, "process \(process) goes on")
    }

    func lives(_ process: pid_t, for milliseconds: Int32) -> Bool {
        let descriptor = KeeperHandle.endDescriptor(of: process)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) == 0
    }

    // MARK: - What jobs say

    /// A named pipe `$STAGE/NAME` that a job writes lines to.
    func pipe(_ name: String) throws -> Int32 {
        try #require(mkfifo(folder + "/" + name, 0o600) == 0)
        let descriptor = open(folder + "/" + name, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        try #require(descriptor >= 0)
        descriptors.append(descriptor)
        return descriptor
    }

    /// The next line that comes.
    func line(from descriptor: Int32) throws -> String {
        let bytes = try bytes(from: descriptor) { $0.last == UInt8(ascii: "\n") }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    private func bytes(from descriptor: Int32, until isWhole: ([UInt8]) -> Bool) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while !isWhole(bytes) {
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            try #require(poll(&polled, 1, Self.patience) == 1, "nothing came")
            var byte = [UInt8](repeating: 0, count: 1)
            let count = read(descriptor, &byte, 1)
            if count == 0 { break }
            if count > 0 { bytes += byte }
        }
        return bytes
    }

    /// What a keeper says at one time.
    private func message(from descriptor: Int32) throws -> [UInt8] {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        try #require(poll(&polled, 1, Self.patience) == 1, "nothing came")
        return [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
    }

    /// Connects to the job's socket, as a job's library does.
    func connected() throws -> Int32 {
        let descriptor = berth_connect_unix(socket)
        try #require(descriptor >= 0)
        descriptors.append(descriptor)
        return descriptor
    }

    /// Says something on the job's socket and makes sure that the keeper has heard it.
    func say(_ text: String, on descriptor: Int32) throws {
        let before = try reports().count
        writeAll(Array((text + "\n").utf8), to: descriptor)
        var rounds = 0
        while try reports().count == before, rounds < Self.patience {
            usleep(1000)
            rounds += 1
        }
        try #require(try reports().count == before + 1)
    }

    /// What the keeper has kept of what the job said, without the times.
    func reports() throws -> [String] {
        guard access(directory + "/reports", F_OK) == 0 else { return [] }
        return try text(directory + "/reports").split(separator: "\n").map { line in
            String(line.drop { $0 != " " }.dropFirst())
        }
    }

    func text(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

    /// The lines of the job's standard output.
    func lines() throws -> [String] { try text(output).split(separator: "\n").map(String.init) }
}

/// PUs that this process may run on.
func allowedCPUs() -> [Int] {
    var words = [UInt64](repeating: 0, count: 128)
    guard berth_get_affinity(&words, 128) == 0 else { return [] }
    return words.indices.flatMap { word in (0..<64).filter { words[word] >> UInt64($0) & 1 == 1 }.map { word * 64 + $0 }
    }
}
