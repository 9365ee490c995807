package import BerthModel

/// Virtual time: what is to happen, each at its instant. Time passes only by taking the next event out; of two at the
/// same instant, the one scheduled first comes first.
package struct EventQueue<Event: Sendable>: Sendable {
    package private(set) var now: Timestamp
    /// A binary heap, the earliest first. The events themselves are wide and stay where they are.
    private var heap: [Place] = []
    private var events: [UInt64: Event] = [:]
    private var scheduled: UInt64 = 0

    private struct Place: Sendable {
        var time: Timestamp
        var number: UInt64

        static func < (left: Self, right: Self) -> Bool { (left.time, left.number) < (right.time, right.number) }
    }

    package init(startingAt start: Timestamp) { now = start }

    /// - Parameter time: an instant that has passed stands for now.
    package mutating func schedule(_ event: Event, at time: Timestamp) {
        heap.append(Place(time: max(time, now), number: scheduled))
        events[scheduled] = event
        scheduled += 1
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    package mutating func schedule(_ event: Event, after delay: Duration) { schedule(event, at: now + delay) }

    /// Lets time pass to the next event and takes it out.
    ///
    /// - Returns: nil where none is left up to `end`; it is then `end`.
    package mutating func next(until end: Timestamp) -> Event? {
        guard let first = heap.first, first.time <= end else {
            now = max(now, end)
            return nil
        }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sinkFirst()
        now = first.time
        return events.removeValue(forKey: first.number)
    }

    private mutating func sinkFirst() {
        var parent = 0
        while 2 * parent + 1 < heap.count {
            var least = 2 * parent + 1
            if least + 1 < heap.count, heap[least + 1] < heap[least] { least += 1 }
            guard heap[least] < heap[parent] else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}

extension SeededGenerator {
    /// Whether something happens that does so with this probability.
    package mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    package mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
        .microseconds(Int64.random(in: range.lowerBound.microseconds...range.upperBound.microseconds, using: &self))
    }
}
