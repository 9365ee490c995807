import BerthModel

/// Jobs that may come, drawn from those that came lately: the past lived again in stretches, each from a random time on.
/// So they come as often, as much at once and of the kinds as they did.
///
/// Source: the circular block bootstrap, Politis and Romano, in LePage and Billard (ed.), Exploring the Limits of
/// Bootstrap, 1992.
struct DrawnArrivals {
    private let past: Foreseen.Past
    private let span: Duration
    private var generator: SeededGenerator
    /// Whose turn it is in the stretch, and by how much later all come than they did.
    private var place = 0
    private var delay = Duration.zero
    private var stretchEnd: Timestamp
    private(set) var next: (time: Timestamp, terms: WaitingTerms, tasks: Int)

    /// Fewer tell nothing.
    private static let fewest = 8
    /// So many in the time that is known of: long enough for what comes together, short enough for courses to differ.
    private static let stretches = 8

    /// - Returns: nil where too few have come.
    init?(_ past: Foreseen.Past, until now: Timestamp, draw: Int) {
        let span = now - past.start
        guard past.arrivals.count >= Self.fewest, let first = past.arrivals.first, let last = past.arrivals.last,
            span >= .seconds(1), last.time <= now
        else { return nil }
        self.past = past
        self.span = span
        generator = SeededGenerator(seed: UInt64(draw))
        next = (now, first.terms, first.tasks)
        stretchEnd = now
        turn()
        advance()
    }

    /// Goes on to the one that comes after `next`.
    mutating func advance() {
        while true {
            if place == past.arrivals.count {
                place = 0
                delay += span
            }
            let arrival = past.arrivals[place]
            let time = arrival.time + delay
            if time < stretchEnd {
                place += 1
                next = (time, arrival.terms, arrival.tasks)
                return
            }
            turn()
        }
    }

    /// Begins a stretch where the last one ends.
    private mutating func turn() {
        let offset = Int64.random(in: 0..<max(1, span.microseconds), using: &generator)
        let begin = past.start + .microseconds(offset)
        place = past.arrivals.firstIndex { $0.time > begin } ?? past.arrivals.count
        delay = stretchEnd - begin
        stretchEnd = stretchEnd + span / Self.stretches
    }
}
