import BerthModel
import BerthPlanner
import Testing

struct FollowingTests {
    /// Sixty steps of a random cluster's life.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `a planner that has followed all along plans as one that has just been told of everything`(seed: UInt64)
        throws
    {
        var random = SeededGenerator(seed: seed)
        var scene = try Scene.random(using: &random)
        for step in 0..<60 {
            for _ in 0..<Int.random(in: 1...3, using: &random) { try scene.happen(using: &random) }
            var other = scene.newPlanner(using: &random)
            let before = scene
            let plan = scene.plan()
            let (own, new) = (PlanRecord(plan), PlanRecord(other.plan(PlanningFacts(), at: scene.now)))
            guard own == new else {
                Issue.record("seed \(seed), step \(step):\n\(own.differences(from: new))")
                return
            }
            var check = SafetyCheck(before)
            try check.check(plan)
            let failing = random.isOne(in: 6)
            scene.carryOut(plan) { $0.job.number % 3 == 0 && failing }
        }
    }
}
