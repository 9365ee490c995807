import BerthModel

/// Where attempts and jobs stand when it is asked who may be stopped for whom: by tier, and within a tier those that
/// hold what their project borrowed come last. An attempt keeps its place for as long as it runs.
package struct PreemptionPlace: Hashable, Comparable, Sendable {
    package var tier: Int
    package var isBorrowing: Bool

    package init(tier: Int, isBorrowing: Bool) {
        self.tier = tier
        self.isBorrowing = isBorrowing
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.tier == right.tier ? left.isBorrowing && !right.isBorrowing : left.tier < right.tier
    }
}

/// The victims to take of those that may be stopped: the cheapest until that is enough, less all that can be spared,
/// the dearest first.
///
/// - Parameters:
///   - candidates: the cheapest first.
///   - isEnough: must stay true as more go. Then no proper subset of what is returned is enough: once none can be spared
///     alone, no smaller set would do.
/// - Returns: nil where even all of them are not enough.
/// - Complexity: O(c) questions for c candidates.
package func leastVictims<Candidate>(of candidates: [Candidate], isEnough: ([Candidate]) -> Bool) -> [Candidate]? {
    var count = 0
    while !isEnough(Array(candidates.prefix(count))) {
        guard count < candidates.count else { return nil }
        count += 1
    }
    var victims = Array(candidates.prefix(count))
    for place in victims.indices.reversed() {
        var rest = victims
        rest.remove(at: place)
        if isEnough(rest) { victims = rest }
    }
    return victims
}
