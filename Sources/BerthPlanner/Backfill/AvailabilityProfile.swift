/// How much of a pool is free from now on: a staircase over time, in which room is reserved and given back.
/// Instants and durations are whole numbers in one unit of the caller's choice (seconds in batch logs).
///
/// A call costs O(log n) to find its place and O(steps touched); n is at most twice the number of reservations.
///
/// Source: the profile of conservative backfilling, Mu'alem and Feitelson, IEEE TPDS 12(6), 2001, section 2.
public struct AvailabilityProfile: Hashable, Sendable {
    /// From when how much is free, rising in time; the last step lasts for ever.
    private var steps: [Step]

    private struct Step: Hashable, Sendable {
        var from: Int
        var free: Int
    }

    /// An empty pool of `capacity`, from `start` on.
    public init(capacity: Int, from start: Int) {
        steps = [Step(from: start, free: capacity)]
    }

    /// The earliest instant that the profile knows.
    public var start: Int { steps[0].from }

    /// How much is free at `instant`; an instant before the start counts as the start.
    public func free(at instant: Int) -> Int { steps[index(at: instant)].free }

    /// Whether `width` is free through all of `duration` from `instant` on.
    public func fits(_ width: Int, at instant: Int, for duration: Int) -> Bool {
        firstTight(for: width, from: index(at: instant), until: Self.sum(instant, duration)) == nil
    }

    /// The earliest instant, not before `instant`, from which `width` is free for `duration`; nil where never.
    public func earliestStart(of width: Int, for duration: Int, notBefore instant: Int) -> Int? {
        var candidate = max(instant, start)
        var index = index(at: candidate)
        while let tight = firstTight(for: width, from: index, until: Self.sum(candidate, duration)) {
            guard let next = steps[tight...].firstIndex(where: { $0.free >= width }) else { return nil }
            candidate = steps[next].from
            index = next
        }
        return candidate
    }

    /// The first step from `index` on that begins before `end` and has less than `width`.
    private func firstTight(for width: Int, from index: Int, until end: Int) -> Int? {
        var index = index
        while index < steps.count, steps[index].from < end {
            if steps[index].free < width { return index }
            index += 1
        }
        return nil
    }

    /// Takes `width` for `duration` from `instant` on; the part that lies before the start is left out.
    public mutating func reserve(_ width: Int, at instant: Int, for duration: Int) {
        add(-width, from: instant, to: Self.sum(instant, duration))
    }

    /// Gives back what `reserve` took, or the part of it that lies in `duration` from `instant` on.
    public mutating func release(_ width: Int, at instant: Int, for duration: Int) {
        add(width, from: instant, to: Self.sum(instant, duration))
    }

    /// Forgets what was before `instant`.
    public mutating func advance(to instant: Int) {
        guard instant > start else { return }
        steps.removeFirst(index(at: instant))
        steps[0].from = instant
    }

    private mutating func add(_ width: Int, from instant: Int, to end: Int) {
        let instant = max(instant, start)
        guard instant < end else { return }
        let first = split(at: instant)
        let last = end == Int.max ? steps.count : split(at: end)
        for index in first..<last { steps[index].free += width }
        join(at: last)
        join(at: first)
    }

    /// The index of a step that begins at `instant`, made where there was none.
    private mutating func split(at instant: Int) -> Int {
        let index = index(at: instant)
        guard steps[index].from != instant else { return index }
        steps.insert(Step(from: instant, free: steps[index].free), at: index + 1)
        return index + 1
    }

    /// Joins a step to the one before where both say the same.
    private mutating func join(at index: Int) {
        if index > 0, index < steps.count, steps[index].free == steps[index - 1].free { steps.remove(at: index) }
    }

    /// The last step that begins at or before `instant`.
    private func index(at instant: Int) -> Int {
        var low = 0
        var high = steps.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if steps[middle].from <= instant { low = middle } else { high = middle }
        }
        return low
    }

    /// An end beyond all time is as good as none.
    private static func sum(_ instant: Int, _ duration: Int) -> Int {
        let (sum, overflow) = instant.addingReportingOverflow(duration)
        return overflow ? Int.max : sum
    }
}
