import BerthModel
import BerthPlanner
import Testing

/// The profile against an array with one number for each instant.
struct AvailabilityProfileTests {
    private static let horizon = 120

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `it says what a list of every instant says`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var profile = AvailabilityProfile(capacity: 10, from: 0)
        var model = Array(repeating: 10, count: Self.horizon + 100)
        var held: [(width: Int, start: Int, duration: Int)] = []
        for _ in 0..<60 {
            let width = Int.random(in: 1...10, using: &random)
            let duration = Int.random(in: 1...20, using: &random)
            let from = Int.random(in: 0..<40, using: &random)
            let start = model.indices.first { start in
                start >= from && start + duration <= model.count
                    && model[start..<start + duration].allSatisfy { $0 >= width }
            }
            #expect(profile.earliestStart(of: width, for: duration, notBefore: from) == start)
            if let start, start + duration < Self.horizon {
                #expect(profile.fits(width, at: start, for: duration))
                profile.reserve(width, at: start, for: duration)
                for instant in start..<start + duration { model[instant] -= width }
                held.append((width, start, duration))
            } else if !held.isEmpty {
                let entry = held.remove(at: Int.random(in: held.indices, using: &random))
                profile.release(entry.width, at: entry.start, for: entry.duration)
                for instant in entry.start..<entry.start + entry.duration { model[instant] += entry.width }
            }
            #expect((0..<Self.horizon).allSatisfy { profile.free(at: $0) == model[$0] })
        }
    }

    @Test func `the past is forgotten, the present stays`() {
        var profile = AvailabilityProfile(capacity: 4, from: 0)
        profile.reserve(3, at: 5, for: 10)
        profile.advance(to: 8)
        #expect(profile.start == 8)
        #expect(profile.free(at: 8) == 1)
        #expect(profile.free(at: 15) == 4)
    }

    @Test func `what is wider than the pool never starts`() {
        let profile = AvailabilityProfile(capacity: 4, from: 0)
        #expect(profile.earliestStart(of: 5, for: 1, notBefore: 0) == nil)
    }

    @Test func `a duration beyond all time is no trap`() {
        var profile = AvailabilityProfile(capacity: 4, from: 10)
        profile.reserve(4, at: 20, for: Int.max)
        #expect(profile.free(at: 30) == 0)
        #expect(profile.earliestStart(of: 1, for: Int.max, notBefore: 0) == nil)
    }
}
