import BerthExecution
import Foundation

/// HTTP as far as these tests need it: one request on a connection of its own, to 127.0.0.1 or a Unix socket.
enum LocalHTTP {
    static let client = ModelServerClient { method, url, patience in
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try ask(method, url, patience: patience) })
            }
        }
    }

    struct Unanswered: Error {}

    static func ask(_ method: ModelServerClient.Method, _ url: String, patience: Duration = .seconds(5)) throws
        -> ModelServerClient.Answer
    {
        let (connection, path) = try connected(url)
        defer { close(connection) }
        var wait = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 1000)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        let body = method == .post ? "{}" : ""
        let request =
            "\(method == .post ? "POST" : "GET") \(path) HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: \(body.count)\r\n\r\n\(body)"
        guard send(connection, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
            throw Unanswered()
        }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(connection, &part, part.count, 0), count > 0 { bytes += part.prefix(count) }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let status = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { throw Unanswered() }
        return ModelServerClient.Answer(
            status: status, text: text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? "")
    }

    /// - Returns: the connection, and what is asked for on it.
    private static func connected(_ url: String) throws -> (Int32, path: String) {
        let rest = url.drop { $0 != "/" }.dropFirst(2)
        let host = String(rest.prefix { $0 != "/" })
        let path = String(rest.dropFirst(host.count))
        let isUnix = url.hasPrefix("http+unix:")
        let connection = socket(
            isUnix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let code =
            isUnix
            ? connect(connection, toSocket: host.removingPercentEncoding ?? "") : connect(connection, toHost: host)
        guard code == 0 else {
            close(connection)
            throw Unanswered()
        }
        return (connection, path)
    }

    private static func connect(_ connection: Int32, toHost host: String) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = (host.split(separator: ":").last.flatMap { UInt16($0) } ?? 0).bigEndian
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func connect(_ connection: Int32, toSocket path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(connection, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
