import BerthModel
import Testing

@Suite struct JobPriorityTests {
    private static func priority(
        tier: Int = 0, isBorrowing: Bool = false, isOverdue: Bool = false, isReturning: Bool = false, score: Double = 0
    ) -> JobPriority {
        JobPriority(
            tier: tier, isBorrowing: isBorrowing, isOverdue: isOverdue, isReturning: isReturning, fairShare: 0, wait: 0,
            score: score)
    }

    /// Each comes before all that stand after it.
    private static let inOrder = [
        priority(tier: 1, isBorrowing: true),
        priority(isOverdue: true),
        priority(isReturning: true),
        priority(score: 0.5),
        priority(score: 0.25),
        priority(isBorrowing: true, isOverdue: true),
        priority(isBorrowing: true, isReturning: true, score: 0.125),
        priority(isBorrowing: true, score: 2),
        priority(tier: -1, isOverdue: true, isReturning: true, score: 9),
    ]

    @Test(arguments: inOrder.indices)
    func `tier, then quota, then overdue, then returning, then score`(place: Int) {
        for other in Self.inOrder.indices where other != place {
            #expect(Self.inOrder[place].precedes(Self.inOrder[other]) == (place < other), "\(place) and \(other)")
        }
    }

    @Test func `among equals submission decides, and of the overdue nothing else does`() {
        #expect(Self.priority(score: 1).precedes(Self.priority(score: 1)) == nil)
        let overdue = Self.priority(isOverdue: true, isReturning: true, score: 1)
        #expect(overdue.precedes(Self.priority(isOverdue: true, score: 2)) == nil)
    }

    @Test func `what the score came from does not decide`() {
        let waited = JobPriority(tier: 0, fairShare: 0, wait: 1, score: 1)
        let spared = JobPriority(tier: 0, fairShare: 1, wait: 0, score: 1)
        #expect(waited.precedes(spared) == nil)
    }
}
