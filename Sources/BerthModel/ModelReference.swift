/// A model as the Open Inference Protocol names it: `resnet`, or with a version `resnet:3`.
public struct ModelReference: Hashable, Sendable, Codable, CustomStringConvertible {
    public let name: String
    /// nil leaves the choice to the server.
    public let version: String?

    /// Reads the text form.
    ///
    /// - Returns: nil unless name and version are 1 to 200 letters, digits, `.`, `_`, `~` and `-`, and neither `.` nor `..`:
    ///   so they are parts of an address as they stand.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.first, parts.allSatisfy(Self.isWellFormed) else { return nil }
        self.name = name
        version = parts.count > 1 ? parts[1] : nil
    }

    private static func isWellFormed(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "._~-".utf8.contains(byte)
                }
            }
    }

    /// Where the protocol has it: `/v2/models/resnet/versions/3`.
    public var path: String { "/v2/models/\(name)" + (version.map { "/versions/\($0)" } ?? "") }
    public var description: String { name + (version.map { ":" + $0 } ?? "") }

    public init(from decoder: any Decoder) throws { self = try decoder.parsed(Self.init) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}
