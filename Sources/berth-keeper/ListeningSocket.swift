import BerthKeeping
import CLinux
import Glibc

/// A Unix socket that takes lines in from any number of clients.
struct ListeningSocket {
    struct Line {
        var text: [UInt8]
        var client: Int32
    }

    static let longestLine = 64 << 10
    static let mostClients = 64

    private let path: String
    private let listener: Int32
    /// What each client has sent of a line that is not whole yet.
    private var clients: [Int32: [UInt8]] = [:]

    /// - Parameter owner: who may connect besides root; nil is the keeper's own user.
    init(path: String, owner: LaunchOrder.User? = nil) throws(KeepingError) {
        self.path = path
        listener = berth_listen_unix(path, 16)
        guard listener >= 0 else { throw .system("The socket \(path) cannot be made", errno) }
        chmod(path, 0o600)
        if let owner, lchown(path, owner.id, owner.group) != 0 {
            throw .system("The socket \(path) cannot be given to user \(owner.id)", errno)
        }
    }

    var polled: [pollfd] {
        ([listener] + clients.keys).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    }

    /// Takes in what is there on the descriptors that are ready.
    mutating func read(_ ready: [Int32]) -> [Line] {
        var lines: [Line] = []
        for descriptor in ready {
            if descriptor == listener { accept() } else { lines += read(from: descriptor) }
        }
        return lines
    }

    private mutating func accept() {
        let client = berth_accept(listener)
        guard client >= 0 else { return }
        if clients.count < Self.mostClients { clients[client] = [] } else { Glibc.close(client) }
    }

    private mutating func read(from client: Int32) -> [Line] {
        var part = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(client, &part, part.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return [] }
        var pending = (clients[client] ?? []) + part.prefix(max(0, count))
        var lines: [Line] = []
        while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(Line(text: Array(pending[..<end]), client: client))
            pending.removeSubrange(...end)
        }
        if count <= 0 || pending.count > Self.longestLine {
            if count <= 0, !pending.isEmpty { lines.append(Line(text: pending, client: client)) }
            Glibc.close(client)
            clients[client] = nil
        } else {
            clients[client] = pending
        }
        return lines
    }

    func answer(_ line: Line, _ text: String) {
        guard clients[line.client] != nil else { return }
        send(Array(text.utf8), to: line.client)
    }

    /// Says something to every client.
    ///
    /// - Returns: whether one was there to hear it.
    func send(_ bytes: [UInt8]) -> Bool {
        clients.keys.map { send(bytes, to: $0) }.contains(true)
    }

    @discardableResult
    private func send(_ bytes: [UInt8], to client: Int32) -> Bool {
        Glibc.send(client, bytes, bytes.count, 0) == bytes.count
    }

    func close() {
        for client in clients.keys { Glibc.close(client) }
        Glibc.close(listener)
        unlink(path)
    }
}

/// The file that keeps what the job said until the agent has read it.
struct ReportFile {
    static let largestSize = 64 << 20
    private var descriptor: Int32 = -1
    private var size = 0

    mutating func append(_ line: [UInt8]) {
        if descriptor < 0 { descriptor = open("reports", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }
        guard !line.isEmpty, size < Self.largestSize else { return }
        let entry = Array("\(wallClockMicroseconds()) ".utf8) + line + [UInt8(ascii: "\n")]
        size += entry.count
        writeAll(entry, to: descriptor)
    }

    func close() { if descriptor >= 0 { Glibc.close(descriptor) } }
}

/// The two things a job says that cannot wait for the agent.
enum JobWords {
    /// `{"done": true}`
    static func saysDone(_ line: [UInt8]) -> Bool {
        value(of: "\"done\"", in: line)?.starts(with: "true".utf8) ?? false
    }

    /// `{"extend": 40}`: seconds, from 0 to a day.
    static func extensionSeconds(_ line: [UInt8]) -> Double? {
        value(of: "\"extend\"", in: line).flatMap { value in
            Double(String(decoding: value.prefix { $0 == UInt8(ascii: ".") || ($0 >= 48 && $0 <= 57) }, as: UTF8.self))
        }.map { min($0, 86_400) }
    }

    /// What follows a key and its colon, spaces skipped.
    private static func value(of key: String, in line: [UInt8]) -> ArraySlice<UInt8>? {
        let key = Array(key.utf8)
        guard line.count > key.count,
            let start = (0...(line.count - key.count)).first(where: { line[$0...].starts(with: key) })
        else { return nil }
        let rest = line[(start + key.count)...].drop { $0 == 32 }
        guard rest.first == UInt8(ascii: ":") else { return nil }
        return rest.dropFirst().drop { $0 == 32 }
    }
}
