import RealModule

/// What tasks ask for, as weighted shapes: counted beforehand, learned while they arrive, or both.
public struct WorkloadMix: Sendable {
    /// Each shape that has been seen, in the order of first mention.
    public private(set) var shapes: [PackingShape] = []
    private var weights: [Double] = []
    private var indices: [PackingShape: Int] = [:]
    /// Weight of the next observed task: older ones fade by its growth rather than by being touched.
    private var nextWeight = 1.0
    private let growth: Double

    /// - Parameter halfLife: after so many observed tasks a task counts half; infinite where nothing fades.
    public init(halfLife: Double = .infinity) {
        precondition(halfLife >= 1, "A task counts for at least one further.")
        growth = .exp2(1 / halfLife)
    }

    /// A mix known beforehand.
    ///
    /// - Parameter counts: how often each shape occurs; a shape may come more than once.
    public init(counts: [(shape: PackingShape, count: Double)], halfLife: Double = .infinity) {
        self.init(halfLife: halfLife)
        for (shape, count) in counts { add(shape, weight: count) }
    }

    /// Learns from one arrival.
    public mutating func observe(_ shape: PackingShape) {
        nextWeight *= growth
        add(shape, weight: nextWeight)
        guard nextWeight > 1e12 else { return }
        for index in weights.indices { weights[index] /= nextWeight }
        nextWeight = 1
    }

    /// Each shape with its share of all tasks; the shares add up to 1.
    public var shares: [(shape: PackingShape, share: Double)] {
        let total = weights.reduce(0, +)
        guard total > 0 else { return [] }
        return zip(shapes, weights).map { ($0, $1 / total) }
    }

    private mutating func add(_ shape: PackingShape, weight: Double) {
        precondition(weight >= 0 && weight.isFinite, "A shape's weight is a count.")
        if let index = indices[shape] {
            weights[index] += weight
        } else {
            indices[shape] = shapes.count
            shapes.append(shape)
            weights.append(weight)
        }
    }
}
