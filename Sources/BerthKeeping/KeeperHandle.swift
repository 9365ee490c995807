import CLinux
import Glibc

/// An agent's hold on one keeper, through the keeper's directory: it works as well for a keeper that an earlier agent
/// started.
public struct KeeperHandle: Sendable {
    public let directory: String
    /// The keeper's process, where this agent started it and must reap it.
    public let child: Int32?

    /// Starts a keeper. `directory` must exist and be nobody else's.
    ///
    /// - Parameter answer: a pipe's end on which the keeper writes its first record, and then closes.
    /// - Throws: if the order cannot be written or the program not be run.
    public static func launch(_ order: LaunchOrder, in directory: String, program: String, answer: Int32? = nil)
        throws(KeepingError)
        -> KeeperHandle
    {
        try write(order, in: directory)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        let complaints = open(directory + "/keeper.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer {
            close(null)
            close(complaints)
        }
        var pid: pid_t = 0
        let words = ["berth-keeper", directory].map { (word: String) in strdup(word) }
        defer { for word in words { free(word) } }
        let code = berth_spawn(&pid, program, nil, words + [nil], [nil], null, answer ?? null, complaints)
        guard code == 0 else { throw .system("\(program) cannot be run", code) }
        return KeeperHandle(directory: directory, child: pid)
    }

    /// Puts an order where a keeper looks for it.
    public static func write(_ order: LaunchOrder, in directory: String) throws(KeepingError) {
        try replaceFile(directory + "/order", with: order.bytes, isDurable: false)
    }

    /// Takes hold of a keeper that was started before.
    public init(directory: String) {
        self.directory = directory
        child = nil
    }

    private init(directory: String, child: Int32) {
        self.directory = directory
        self.child = child
    }

    public func order() throws(KeepingError) -> LaunchOrder {
        try LaunchOrder(bytes: readFile(directory + "/order"))
    }

    /// nil while the keeper has not written one.
    public func record() throws(KeepingError) -> KeeperRecord? {
        guard access(directory + "/record", F_OK) == 0 else { return nil }
        return try KeeperRecord(bytes: readFile(directory + "/record"))
    }

    /// Whether the keeper lives: it holds its lock as long as it does.
    public var isAlive: Bool {
        let descriptor = open(directory + "/lock", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return berth_lock(descriptor) != 0
    }

    /// Whether a keeper ever was here. Where none was nothing has begun.
    public var hasCome: Bool { access(directory + "/lock", F_OK) == 0 }

    /// Sees to it that no keeper starts here any more: one that is still on its way finds no order.
    ///
    /// - Returns: false where one lives already.
    public func forestall() -> Bool {
        let lock = open(directory + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { return !isAlive }
        defer { close(lock) }
        guard berth_lock(lock) == 0 else { return false }
        unlink(directory + "/order")
        return true
    }

    /// A file in the directory of an attempt that is only announced. Its keeper gets everything ready, and before the job's
    /// program is started waits until the agent says something or no more. Then it looks whether the file is still there:
    /// whether the agent has let the attempt begin, or has died or given it up.
    public static let announcement = "announced"

    public static func isAnnounced(in directory: String) -> Bool { access(directory + "/" + announcement, F_OK) == 0 }

    /// Says so, before the order is written.
    public func announce() throws(KeepingError) {
        let file = open(directory + "/" + Self.announcement, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("\(directory) cannot be written in", errno) }
        close(file)
    }

    /// Lets an attempt begin that was announced.
    ///
    /// - Parameter answers: at which its keeper is heard.
    public func begin(_ answers: Int32) {
        unlink(directory + "/" + Self.announcement)
        // One that does not wait reads over it when it waits for its next attempt.
        _ = berth_send(answers, Self.word, Self.word.count)
    }

    private static let word = Array("begin".utf8)

    /// Gives a keeper that is free an attempt to keep. Its order lies in the directory.
    ///
    /// - Returns: whether it is there to hear it.
    public static func give(_ directory: String, to keeper: Int32) -> Bool {
        let path = Array(directory.utf8)
        return berth_send(keeper, path, path.count) == path.count
    }

    /// Waits, in a keeper that is free, for its next attempt.
    ///
    /// - Parameter agent: its connection to the agent.
    /// - Returns: the attempt's directory; nil where the agent has none any more.
    public static func awaitAttempt(from agent: Int32) -> String? {
        var room = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = recv(agent, &room, room.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            // The word that let the last one begin may still be here.
            if room[0] == UInt8(ascii: "/") {
                return hasHungUp(agent) ? nil : String(decoding: room[..<count], as: UTF8.self)
            }
        }
    }

    /// Whether the agent at the other end has died. Nobody waits for what it has ordered with its last breath: its successor
    /// may have forgotten that, and have ordered the same again in a directory of the same name.
    public static func hasHungUp(_ agent: Int32) -> Bool {
        var polled = pollfd(fd: agent, events: 0, revents: 0)
        return poll(&polled, 1, 0) == 1 && polled.revents & Int16(POLLHUP) != 0
    }

    /// Reads over what the agent has said last, in a keeper that is about to end: of an end that leaves something unread the
    /// agent would hear before what the keeper itself has said last (unix(7): ECONNRESET).
    public static func leave(_ agent: Int32) {
        shutdown(agent, Int32(SHUT_RD))
        var room = [UInt8](repeating: 0, count: 64)
        while recv(agent, &room, room.count, Int32(MSG_DONTWAIT)) > 0 {}
    }

    /// A descriptor that becomes readable when the process has ended (pidfd_open(2)); -1 where there is no such one.
    public static func endDescriptor(of process: Int32) -> Int32 { berth_pidfd_open(process) }

    /// Clears a keeper of this agent away after its end.
    public func reap() {
        guard let child else { return }
        var status: Int32 = 0
        waitpid(child, &status, WNOHANG)
    }

    /// Has the job told to end, and killed after `graceMilliseconds`.
    ///
    /// - Throws: if the keeper cannot be reached; it may have ended meanwhile.
    public func stop(graceMilliseconds: Int64, reason: String) throws(KeepingError) {
        // Through the directory's descriptor the path is short however long the directory's own is.
        let place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard place >= 0 else { throw .system("\(directory) cannot be entered", errno) }
        defer { close(place) }
        let socket = berth_connect_unix("/proc/self/fd/\(place)/control")
        guard socket >= 0 else { throw .system("The keeper in \(directory) cannot be reached", errno) }
        defer { close(socket) }
        writeAll(Array("stop \(graceMilliseconds) \(reason)\n".utf8), to: socket)
        var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 2000) == 1 else {
            throw .system("The keeper in \(directory) does not answer", ETIMEDOUT)
        }
    }

    /// Ends what a keeper that was killed has left: its control groups; without such, the job's process group and
    /// whatever has escaped it but still has the attempt's socket in its environment. On the boot of the record only.
    public func killLeftovers(of record: KeeperRecord) {
        if let job = record.job, startTicks(of: job.id) == job.startTicks {
            kill(-job.id, SIGKILL)
            kill(job.id, SIGKILL)
        }
        guard let order = try? order() else { return }
        // Nobody leaves his control group, so where there is one all is done with it.
        if !order.group.places.isEmpty, order.group.clear(patience: 5000) { return }
        guard let socket = order.socketPath else { return }
        let mark = Array("BERTH_SOCKET=\(socket)".utf8)
        guard let processes = opendir("/proc") else { return }
        defer { closedir(processes) }
        while let entry = readdir(processes) {
            let name = nameOfEntry(entry)
            guard let process = pid_t(name), let variables = try? readFile("/proc/\(process)/environ", limit: 1 << 20),
                variables.split(separator: 0).contains(where: { $0.elementsEqual(mark) })
            else { continue }
            kill(process, SIGKILL)
        }
    }
}
