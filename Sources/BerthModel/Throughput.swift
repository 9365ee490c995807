/// How fast a task goes on each type of device, against the others: `V100: 48, K80: 8`, in steps a second or any other
/// unit.
///
/// A type is a part of a model's name, compared without case; where several are, the longest counts.
public struct Throughput: Hashable, Sendable {
    /// By type; each more than 0.
    public let rates: [String: Double]
    /// What a type counts that none of the names is part of.
    private let otherRate: Double
    private let fastestRate: Double

    /// - Parameter rates: at least one; each finite and more than 0.
    /// - Parameter otherRate: of types that are not among them; the slowest of the rates unless it is given.
    public init(_ rates: [String: Double], otherRate: Double? = nil) {
        self.rates = rates
        self.otherRate = otherRate ?? rates.values.min() ?? 1
        fastestRate = max(rates.values.max() ?? 1, self.otherRate)
    }

    /// The rate on one of these models as a part of the fastest: 0.25 where a task takes four times as long. The slowest
    /// of several models counts; 1 where there are none.
    public func speed(on models: some Sequence<String>) -> Double {
        models.map { rate(on: $0) / fastestRate }.min() ?? 1
    }

    private func rate(on model: String) -> Double {
        let model = model.lowercased()
        let named = rates.keys.filter { model.contains($0.lowercased()) }
        let longest = named.max { ($0.utf8.count, $1) < ($1.utf8.count, $0) }
        return longest.flatMap { rates[$0] } ?? otherRate
    }
}

extension Throughput: Codable {
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode([String: Double].self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rates)
    }
}

extension Inventory {
    /// What a task's throughput on this hardware goes by: the models of the devices that it was given, or of the CPU
    /// where it was given none. Sorted, each once.
    package func models(of allocation: Allocation) -> [String] {
        let given = Set(allocation.devices.map(\.name))
        let models = Set(devices.filter { given.contains($0.name) }.compactMap(\.model))
        return models.isEmpty && given.isEmpty ? [cpuModel].compactMap { $0 } : models.sorted()
    }
}
