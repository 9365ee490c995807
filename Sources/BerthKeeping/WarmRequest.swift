/// What a keeper asks of a warm slot: one line of JSON, as `docs/pools.md` has it.
public struct WarmRequest {
    /// Grows where an older server would misunderstand.
    public static let version = 2

    private let order: LaunchOrder
    private let groupCount: Int

    /// - Parameter groupCount: how many control groups' entrances go along, as descriptors after the three streams.
    public init(_ order: LaunchOrder, groupCount: Int) { (self.order, self.groupCount) = (order, groupCount) }

    /// With its newline.
    public var line: [UInt8] {
        let memoryMode = order.numaNodes.isEmpty ? 0 : order.memoryPolicy == .bind || order.numaNodes.count > 1 ? 2 : 1
        let fields = [
            "\"version\":\(Self.version)", "\"arguments\":\(Self.list(order.arguments))",
            "\"environment\":\(Self.list(order.environment))", "\"directory\":\(Self.text(order.workingDirectory))",
            "\"cpus\":[\(LaunchOrder.text(order.cpus))]", "\"numaNodes\":[\(LaunchOrder.text(order.numaNodes))]",
            "\"memoryPolicy\":\(memoryMode)", "\"groups\":\(groupCount)",
        ]
        return Array("{\(fields.joined(separator: ","))}\n".utf8)
    }

    private static func list(_ texts: [String]) -> String { "[\(texts.map(text).joined(separator: ","))]" }

    /// A string of JSON (RFC 8259, section 7).
    private static func text(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
