import BerthKeeping
import Glibc

/// Ports of 127.0.0.1, for servers that cannot listen on a Unix socket.
package enum LoopbackPort {
    /// Ports on which nobody listens now. Nothing keeps others from taking one before the server does: ask for its
    /// `owner` when it answers.
    static func free(_ count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw ExecutionProblem("A socket cannot be had", errno) }
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isBound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
                }
            }
            guard isBound else { throw ExecutionProblem("A port cannot be had", errno) }
            return UInt16(bigEndian: address.sin_port)
        }
    }

    /// The user whose socket listens on a port (proc_net_tcp(5)); nil where none of this network namespace does.
    static func owner(of port: UInt16) -> uid_t? {
        for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let text = try? readFile(file) else { continue }
            if let owner = owner(of: port, in: String(decoding: text, as: UTF8.self)) { return owner }
        }
        return nil
    }

    /// In such a table: `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 …`, where 0A is a
    /// socket that listens.
    package static func owner(of port: UInt16, in table: String) -> uid_t? {
        for line in table.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ")
            guard fields.count > 7, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
                UInt16(fields[1][fields[1].index(after: colon)...], radix: 16) == port
            else { continue }
            return uid_t(fields[7])
        }
        return nil
    }
}
