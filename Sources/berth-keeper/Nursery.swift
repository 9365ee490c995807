import BerthKeeping
import CLinux
import Glibc

/// One process from which an agent's keepers are forked, each for a directory that the agent names. No program has to be
/// loaded and no runtime started for them, which is most of what a keeper costs; and since some are forked before they
/// are needed, an order does not wait for that either.
///
/// It does nothing else, and ends when the agent has hung up. Keepers live on: they owe it nothing.
struct Nursery {
    /// Keepers that wait for an order.
    private static let spareCount = 2
    /// How long to wait where the system has no process to give.
    private static let patienceMilliseconds: Int32 = 100

    private let null: Int32
    /// For each keeper that waits, a descriptor at which its hanging up is seen: it has got an order, or was killed.
    private var spares: [Int32] = []

    init() throws(KeepingError) {
        null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { throw .system("/dev/null cannot be opened", errno) }
        // Nobody waits for keepers; the kernel is to forget them as they end.
        signal(SIGCHLD, SIG_IGN)
        Self.rehearse()
    }

    /// Returns in each keeper, with the directory that it is for; and in the nursery itself, with nil, at its end. The
    /// agent sends directories on standard input, one a message, each with the keeper's standard output beside it.
    mutating func nextDirectory() -> String? {
        while true {
            while spares.count < Self.spareCount {
                var ends: [Int32] = [-1, -1]
                let child = berth_pipe(&ends) == 0 ? berth_fork() : -1
                if child == 0 { return awaitOrder() }
                close(ends[1])
                guard child > 0 else {
                    close(ends[0])
                    break
                }
                spares.append(ends[0])
            }
            // Nothing is asked for: the end of a connection is told in any case (poll(2)).
            var polled = ([0] + spares).map { pollfd(fd: $0, events: 0, revents: 0) }
            let patience = spares.count < Self.spareCount ? Self.patienceMilliseconds : -1
            guard poll(&polled, nfds_t(polled.count), patience) >= 0 || errno == EINTR else { return nil }
            if polled[0].revents != 0 { return nil }
            let taken = polled.dropFirst().filter { $0.revents != 0 }.map(\.fd)
            for descriptor in taken { close(descriptor) }
            spares.removeAll(where: taken.contains)
        }
    }

    private func awaitOrder() -> String? {
        var room = [UInt8](repeating: 0, count: 8192)
        while true {
            var output: Int32 = -1
            let count = berth_receive_descriptor(0, &room, room.count, &output)
            guard count > 0 else { return nil }
            guard output >= 0 else { continue }
            let directory = String(decoding: room[..<Int(count)], as: UTF8.self)
            guard !KeeperHandle.hasHungUp(output) else { return nil }
            return berth_settle(Self.name(in: directory), null, output) == 0 ? directory : nil
        }
    }

    /// `keeper 42@1`, for ps(1) and top(1).
    private static func name(in directory: String) -> String {
        "keeper " + (directory.split(separator: "/").last.map(String.init) ?? "")
    }

    /// Waits, in a keeper whose attempt is over, for another one.
    static func nextDirectory(for agent: Int32) -> String? {
        berth_rest("keeper")
        let directory = KeeperHandle.awaitAttempt(from: agent)
        if let directory { berth_rename(name(in: directory)) }
        return directory
    }

    /// Goes once through what every keeper does before its job begins, so that the runtime has made the types' metadata
    /// that all of them then share.
    private static func rehearse() {
        var order = LaunchOrder(
            attempt: "", fence: 0, arguments: ["true"], environment: ["PATH=/"], workingDirectory: "/",
            standardOutput: "/", standardError: "/", cpus: [0], numaNodes: [0], timeLimitMilliseconds: 1,
            socketPath: "/")
        order.group = ControlGroup(places: [.init(version: 2, controllers: [.memory], path: "/")])
        let binding = Binding(order, granted: berth_launch())
        let mark = KeeperRecord.ProcessMark(id: getpid(), startTicks: startTicks(of: getpid()) ?? 0)
        let record = KeeperRecord(
            attempt: order.attempt, fence: order.fence, phase: .running, keeper: mark, job: mark, bootID: bootID(),
            startMicroseconds: wallClockMicroseconds(), boundCPUs: binding.cpus, notes: binding.notes)
        _ = (try? LaunchOrder(bytes: order.bytes), record.bytes)
    }
}
