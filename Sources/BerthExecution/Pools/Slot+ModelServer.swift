import BerthModel
import Foundation

extension Slot {
    /// Starts a model server.
    ///
    /// - Parameter earlier: one that has ended and whose jobs still know it by its name and address; nil for a new one.
    static func modelServer(_ demand: ServerDemand, after earlier: Slot? = nil, in place: SlotPlace) throws -> Slot {
        let name = earlier?.name ?? freshName(demand.key)
        let socket = socket(name, in: place)
        var ports = try LoopbackPort.free(3)
        let listensOnSocket = demand.pool.command.contains { $0.contains("{socket}") }
        if let port = earlier?.port { ports[0] = port }
        let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))
        let url =
            listensOnSocket
            ? "http+unix://" + (socket.addingPercentEncoding(withAllowedCharacters: allowed) ?? socket)
            : "http://127.0.0.1:\(ports[0])"
        let values = [
            "{port}": "\(ports[0])", "{port2}": "\(ports[1])", "{port3}": "\(ports[2])", "{socket}": socket,
        ]
        return try Slot(
            Identity(
                pool: demand.pool.name, content: demand.pool.key(user: ""), url: url, devices: demand.devices),
            name: name,
            Launch(
                arguments: demand.pool.command.map { filled($0, values) },
                environment: environment(for: demand.user).merging(demand.deviceVariables) { _, new in new },
                memoryBytes: demand.memoryBytes, numaNodes: demand.numaNodes, user: demand.user),
            in: place)
    }

    private static func filled(_ word: String, _ values: [String: String]) -> String {
        values.reduce(word) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
    }

    /// Where a model server listens on TCP; nil for others.
    var port: UInt16? { identity.url.flatMap(URL.init(string:))?.port.flatMap(UInt16.init(exactly:)) }
}
