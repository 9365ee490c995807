/// Classes of what is free, cut at the most frequent requests: nodes in one class can take the same of them.
struct Thresholds: Sendable {
    /// Ascending.
    private let cuts: [Int]

    /// - Parameter requests: amounts with their weights.
    init(popularIn requests: [(amount: Int, weight: Double)], count: Int) {
        var weights: [Int: Double] = [:]
        for (amount, weight) in requests { weights[amount, default: 0] += weight }
        let ranked = weights.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        cuts = ranked.prefix(count).map(\.key).sorted()
    }

    var classes: Int { cuts.count + 1 }

    /// The class of a node with so much free.
    func reached(by free: Int) -> Int { cuts.prefix { $0 <= free }.count }

    /// The lowest class that counts as enough for a request: between two cuts it is taken for the lower one.
    func needed(for amount: Int) -> Int { max(1, reached(by: amount)) }
}
