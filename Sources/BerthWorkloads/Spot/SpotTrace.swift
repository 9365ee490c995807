import FoundationEssentials

/// Whether spot capacity was there, probe by probe, in one zone.
///
/// Format: `{"metadata": {"gap_seconds": g}, "data": [n, …]}`, one number of instances every g seconds, as published
/// with Wu et al., NSDI 2024. A gang is there when all its instances are.
public struct SpotTrace: Sendable {
    public let name: String
    /// Time from one probe to the next.
    public let gapSeconds: Double
    package let isAvailable: [Bool]

    /// - Parameter name: as the traces are published, `KIND__N-node__…`: its second part tells the size of the gang. A
    ///   name of another form stands for a single instance.
    public init(json: [UInt8], name: String) throws(TraceError) {
        let file: File
        do {
            file = try JSONDecoder().decode(File.self, from: Data(json))
        } catch {
            throw TraceError(
                "Trace \(name) is not of the form {\"metadata\": {\"gap_seconds\": 600}, \"data\": [0, 1, …]}: \(error)"
            )
        }
        let gap = file.metadata.gapSeconds
        guard gap >= 1, gap <= 86_400 else {
            throw TraceError("Trace \(name): gap_seconds is \(gap); it must be between 1 and 86400.")
        }
        guard !file.data.isEmpty else { throw TraceError("Trace \(name): data is empty; it needs at least one probe.") }
        if let index = file.data.firstIndex(where: { $0 < 0 }) {
            throw TraceError("Trace \(name): data[\(index)] is \(file.data[index]); a count is not negative.")
        }
        let gang = try Self.gangSize(inName: name)
        self.init(name: name, gapSeconds: gap, isAvailable: file.data.map { $0 >= gang })
    }

    package init(name: String, gapSeconds: Double, isAvailable: [Bool]) {
        self.name = name
        self.gapSeconds = gapSeconds
        self.isAvailable = isAvailable
    }

    private static func gangSize(inName name: String) throws(TraceError) -> Int {
        let parts = name.split(separator: "_")
        guard parts.count > 1, parts[1].hasSuffix("-node") else { return 1 }
        guard let size = Int(parts[1].dropLast(5)), size > 0 else {
            throw TraceError("Trace \(name): \"\(parts[1])\" is no size of a gang; write it as \"4-node\".")
        }
        return size
    }

    private struct File: Decodable {
        var metadata: Metadata
        var data: [Int]

        struct Metadata: Decodable {
            var gapSeconds: Double

            enum CodingKeys: String, CodingKey {
                case gapSeconds = "gap_seconds"
            }
        }
    }
}
