/// Measured speeds of two jobs on the same devices, by the jobs' kinds and the type of device.
public struct SharedThroughput: Sendable {
    /// Steps per second of the two, in the order they were asked for.
    public struct Rates: Hashable, Sendable {
        public var first: Double
        public var second: Double

        public init(first: Double, second: Double) {
            self.first = first
            self.second = second
        }
    }

    private let kinds: Int
    private var rates: [Rates]

    /// A table in which nothing has been measured yet. Memory: 16 bytes for each pair of kinds and each type.
    public init(kinds: Int, types: Int) {
        self.kinds = kinds
        rates = Array(repeating: Rates(first: 0, second: 0), count: kinds * kinds * types)
    }

    /// Speeds of a job of kind `first` beside one of kind `second` on `type`; zeros where they cannot run together.
    public subscript(first: Int, second: Int, type: Int) -> Rates {
        rates[(type * kinds + first) * kinds + second]
    }

    /// Enters a measurement for both orders of the pair.
    public mutating func record(_ measured: Rates, first: Int, second: Int, type: Int) {
        rates[(type * kinds + first) * kinds + second] = measured
        rates[(type * kinds + second) * kinds + first] = Rates(first: measured.second, second: measured.first)
    }
}
