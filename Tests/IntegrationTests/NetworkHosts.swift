import Foundation

/// Hosts of one network, each a network namespace of its own (network_namespaces(7)) on a bridge, so that agents of one
/// machine have addresses of their own and a cable that can be pulled. Nothing of it is reached from outside.
final class NetworkHosts {
    /// Where a controller listens.
    static let hub = "10.213.0.1"

    private let folder: String
    private let names: [String]
    private let mark = "berth-\(getpid())-\(UInt32.random(in: 0 ... 9999))"

    /// Whether this process may make such hosts, and the programs for it are here.
    static let isPossible: Bool = {
        guard getuid() == 0, program("ip") != nil, program("nsenter") != nil else { return false }
        let folder = FileManager.default.temporaryDirectory.path + "/berth-test-\(UUID().uuidString.prefix(13))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return (try? NetworkHosts(["x"], folder: folder)) != nil
    }()

    /// - Parameters:
    ///   - names: of the hosts beside the hub.
    ///   - folder: where commands write what they say.
    init(_ names: [String], folder: String) throws {
        (self.names, self.folder) = (names, folder)
        try ip("netns", "add", space(nil))
        try ip("-n", space(nil), "link", "set", "lo", "up")
        try ip("-n", space(nil), "link", "add", "bridge", "type", "bridge")
        try ip("-n", space(nil), "addr", "add", Self.hub + "/24", "dev", "bridge")
        try ip("-n", space(nil), "link", "set", "bridge", "up")
        for name in names {
            try ip("netns", "add", space(name))
            try ip("-n", space(name), "link", "set", "lo", "up")
            try ip("-n", space(nil), "link", "add", port(name), "type", "veth", "peer", "eth0", "netns", space(name))
            try ip("-n", space(nil), "link", "set", port(name), "master", "bridge", "up")
            try ip("-n", space(name), "addr", "add", address(of: name) + "/24", "dev", "eth0")
            try ip("-n", space(name), "link", "set", "eth0", "up")
        }
    }

    deinit {
        // A space without a name is gone with the last process in it.
        for name in names.map(Optional.some) + [nil] { try? ip("netns", "del", space(name)) }
    }

    func address(of name: String) -> String { "10.213.0.\(2 + (names.firstIndex(of: name) ?? names.count))" }

    /// What starts a program on a host; nil is the hub. Only its network is another: files and control groups stay.
    func entry(to name: String?) -> [String] { [Self.program("nsenter") ?? "", "--net=/run/netns/" + space(name)] }

    /// Pulls a host's cable, or puts it in again.
    func connect(_ name: String, _ isConnected: Bool) throws {
        try ip("-n", space(nil), "link", "set", port(name), isConnected ? "up" : "down")
    }

    private func space(_ name: String?) -> String { mark + "-" + (name ?? "hub") }
    /// Names of interfaces have 15 bytes at most, and are the space's own.
    private func port(_ name: String) -> String { "port-" + name.prefix(9) }

    private func ip(_ arguments: String...) throws {
        let words = [Self.program("ip") ?? ""] + arguments
        let result = try Command(words, environment: [:], directory: "/", input: nil, folder: folder).ended()
        guard result.code == 0 else { throw TestProblem("\(result)") }
    }

    private static func program(_ name: String) -> String? {
        ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
    }
}
