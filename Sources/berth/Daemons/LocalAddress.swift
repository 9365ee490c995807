import Glibc

/// Which of this machine's addresses another host sees.
enum LocalAddress {
    /// The address from which packets to `host` leave, as text; nil where there is no way to it.
    ///
    /// Nothing is sent: connecting a datagram socket only chooses the route (connect(2)).
    static func towards(_ host: String, port: Int) -> String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let target = found else { return nil }
        defer { freeaddrinfo(found) }
        let socket = socket(target.pointee.ai_family, hints.ai_socktype, 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        guard connect(socket, target.pointee.ai_addr, target.pointee.ai_addrlen) == 0 else { return nil }
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = withUnsafeMutablePointer(to: &address) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(socket, address, &length) == 0
                    ? getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) : EAI_SYSTEM
            }
        }
        return code == 0 ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
