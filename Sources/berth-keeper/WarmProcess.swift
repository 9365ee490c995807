import BerthKeeping
import CLinux
import Glibc

/// A job's process that came out of a warm slot: a child not of this keeper but of the slot's fork server, which speaks
/// the protocol of `docs/pools.md`.
///
/// Its guardian there ends whatever the process leaves behind, and the process itself where this keeper is gone.
struct WarmProcess {
    /// How long a slot may take for each of its answers. What forks within a second is not worth waiting for longer: a
    /// cold start is as fast.
    private static let patienceMilliseconds: Int32 = 2000

    /// It leads a session and a process group of its own.
    let id: pid_t
    let binding: Binding
    /// Readable once the process has ended, or nobody watches over it any more.
    let descriptor: Int32

    /// The slot did not start the job, and nothing of it has run: it may start cold.
    struct SlotProblem: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts the order's job from the slot that listens at `socket`.
    ///
    /// - Parameter opened: groups that exist.
    /// - Throws: `SlotProblem`, or as `JobProcess` does what is wrong with the order itself.
    init(_ order: LaunchOrder, in opened: OpenGroup, socket: String) throws {
        let streams = try JobStreams(order)
        defer { streams.close() }
        let entrances = try Self.entrances(of: opened)
        let connection = try Self.connection(to: socket, of: order)
        do {
            let line = WarmRequest(order, groupCount: entrances.count).line
            try Self.send(line, [streams.input, streams.output, streams.error] + entrances, to: connection)
            id = try Self.process(of: order, on: connection)
            try Self.check(id, isIn: opened.group)
            if berth_limit_data(id, UInt64(max(0, order.dataLimitBytes ?? 0))) != 0 {
                throw SlotProblem(description: "the memory of process \(id) cannot be limited: \(errorText(errno))")
            }
            guard writeAll(Array("go\n".utf8), to: connection) else {
                throw SlotProblem(description: "the slot hung up")
            }
            binding = try Self.binding(of: order, from: Self.answer(on: connection))
        } catch {
            // Its guardian ends what has come to be.
            close(connection)
            throw error
        }
        descriptor = connection
    }

    /// How it ended, after `descriptor` became readable; nil where nobody can tell.
    func end() -> (result: berth_wait, transfers: Descendants.Transfers)? {
        defer { close(descriptor) }
        let numbers = ((try? Self.answer(on: descriptor)) ?? []).dropFirst().compactMap { Int64($0) }
        guard numbers.count == 7 else { return nil }
        let result = berth_wait(
            code: Int32(clamping: numbers[0]), signal: Int32(clamping: numbers[1]), user_microseconds: numbers[2],
            system_microseconds: numbers[3], peak_kilobytes: numbers[4])
        return (result, Descendants.Transfers(read: numbers[5], written: numbers[6]))
    }

    // MARK: - The conversation

    /// The slot is the job's user's: nobody else may have put himself in its place.
    private static func connection(to socket: String, of order: LaunchOrder) throws -> Int32 {
        let connection = berth_connect_unix(socket)
        guard connection >= 0 else { throw SlotProblem(description: "the slot cannot be reached: \(errorText(errno))") }
        var user: UInt32 = 0
        var process: Int32 = 0
        guard berth_peer(connection, &user, &process) == 0, user == order.user?.id ?? getuid() else {
            close(connection)
            throw SlotProblem(description: "the slot is user \(user)'s, and the job is not")
        }
        return connection
    }

    private static func send(_ line: [UInt8], _ descriptors: [Int32], to connection: Int32) throws {
        let sent = berth_send_descriptors(connection, line, line.count, descriptors, descriptors.count)
        guard sent > 0, writeAll(Array(line[Int(sent)...]), to: connection) else {
            throw SlotProblem(description: "the slot takes no request")
        }
    }

    /// The process that the slot has forked. It is to be the order's user's and lead its session: a slot that names
    /// another's process is not believed.
    private static func process(of order: LaunchOrder, on connection: Int32) throws -> pid_t {
        let words = try answer(on: connection)
        guard words.first == "process", words.count == 2, let process = pid_t(words[1]), process > 1 else {
            throw SlotProblem(description: "the slot says: \(words.joined(separator: " ").prefix(200))")
        }
        var status = stat()
        guard stat("/proc/\(process)", &status) == 0, status.st_uid == order.user?.id ?? getuid(),
            getsid(process) == process
        else { throw SlotProblem(description: "process \(process), which the slot names, is not the job's user's") }
        return process
    }

    /// The files that the process joins its groups by. The right to do so is the keeper's, who opens them (cgroups(7)): the
    /// process is another user's.
    private static func entrances(of opened: OpenGroup) throws -> [Int32] {
        try opened.group.places.map { place in
            let file = opened.entrance(of: place)
            guard file >= 0 else {
                throw SlotProblem(description: "\(place.entrance) cannot be written: \(errorText(errno))")
            }
            return file
        }
    }

    /// A slot's word is not enough for it.
    private static func check(_ process: pid_t, isIn group: ControlGroup) throws {
        for place in group.places {
            guard ControlGroup(places: [place]).processes.contains(process) else {
                throw SlotProblem(description: "process \(process), which the slot names, is not in \(place.path)")
            }
        }
    }

    /// `began CPUS MODE [NODES]`, or `failed SENTENCE`, which is about the job.
    private static func binding(of order: LaunchOrder, from words: [Substring]) throws -> Binding {
        if words.first == "failed" {
            throw LaunchProblem(
                "The job cannot begin: \(words.dropFirst().joined(separator: " ").prefix(500))", 0, fault: .job)
        }
        guard words.first == "began", words.count >= 3, let mode = Int32(words[2]) else {
            throw LaunchProblem("The job's warm slot ended before the job began", 0)
        }
        return Binding(
            order, cpus: try LaunchOrder.numbers(String(words[1])),
            numaNodes: try LaunchOrder.numbers(String(words.count > 3 ? words[3] : "")), memoryMode: mode)
    }

    /// The words of the next line, of at most 64 KiB.
    private static func answer(on connection: Int32) throws -> [Substring] {
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n"), line.count < 64 << 10 {
            var polled = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, patienceMilliseconds) == 1 else {
                throw SlotProblem(description: "the slot did not answer within \(patienceMilliseconds) ms")
            }
            // Byte by byte: behind "began" the "ended" of a short job may already stand.
            var byte: UInt8 = 0
            guard read(connection, &byte, 1) == 1 else { throw SlotProblem(description: "the slot hung up") }
            line.append(byte)
        }
        return String(decoding: line.dropLast(), as: UTF8.self).split(separator: " ")
    }
}
