import BerthModel

/// Jobs that cannot start, or had better not: others are stopped for them, or their place is kept free.
extension Planner {
    /// Makes room for a job that does not fit, or keeps the place free where it will.
    mutating func block(_ job: WaitingJob, _ priority: JobPriority, _ number: Int, _ round: inout Round) {
        let (line, spans) = (lines.lines[number], spans(of: number, round.facts))
        if priority.tier > holdings.lowestPreemptibleTier ?? .max || (holdings.hasBorrowers && !priority.isBorrowing),
            preempt(for: job, priority, line, spans, &round)
        {
            return
        }
        if round.plan.reservations.count - round.waitsForFaster < configuration.planning.backfill.depth {
            reserve(job, line, spans, &round)
        }
    }

    /// Keeps the place free where the job will be over soonest, in the shape with which it starts soonest.
    private mutating func reserve(
        _ job: WaitingJob, _ line: WaitingLines.Line, _ spans: Spans, _ round: inout Round
    ) {
        var best: (fit: EarliestFits.Place, shape: Int)?
        for (shape, number) in line.shapes.enumerated() where isWithinQuotas(number, line.terms) {
            guard let fit = soonestOver(number, spans, round) else { continue }
            if let best, best.fit.time <= fit.time { continue }
            best = (fit, shape)
        }
        guard let best else { return }
        keep(best.fit.slots, for: job, shape: best.shape, line, spans, from: best.fit.time, &round)
    }

    /// Keeps nodes free for a job from a time on.
    ///
    /// - Parameter isChosen: whether it could start now, and is over sooner so.
    mutating func keep(
        _ slots: [Int], for job: WaitingJob, shape: Int, _ line: WaitingLines.Line, _ spans: Spans,
        from time: Timestamp, isChosen: Bool = false, _ round: inout Round
    ) {
        let span = spans.expected(atSpeed: speed(of: line.shapes[shape], on: slots))
        let end = span.map { time + $0 } ?? .distantFuture
        for slot in slots {
            guard let fit = shapes.fit(line.shapes[shape], on: fleet.nodes[slot].make, fleet) else { continue }
            round.reserved[slot, default: []].append(Round.Kept(start: time, end: end, fit: fit))
        }
        round.plan.reservations.append(
            Plan.Reservation(
                job: job.id, nodes: slots.map { fleet.nodes[$0].node.name }, time: time, shape: shape,
                isChosen: isChosen))
    }

    /// Whether a job that could start now is over sooner if it waits for devices where it goes faster. Then these are kept
    /// free for it from the time on at which they are expected to be free. Of a line of equal jobs the first may do so for
    /// those behind it, until the next of them is over sooner where there is room now.
    ///
    /// That is list scheduling by earliest completion, which does without moving what runs: Ibarra and Kim, J. ACM
    /// 24(2), 1977; Braun et al., J. Parallel Distrib. Comput. 61(6), 2001.
    mutating func waitsForFaster(
        _ job: WaitingJob, _ line: Int, _ shape: Int, than choice: Choice, _ spans: Spans, _ round: inout Round
    ) -> Bool {
        let number = lines.lines[line].shapes[shape]
        guard choice.speed < 1, let now = spans.expected(atSpeed: choice.speed).map({ round.now + $0 }) else {
            return false
        }
        let waiting = lines.lines[line].jobCount + job.tasks - 1
        while round.waitsForFaster < Round.mostWaitsForFaster, round.waitsForFasterInLine[line, default: 0] < waiting {
            guard let place = soonestOver(number, spans, above: choice.speed, round),
                let span = spans.expected(atSpeed: speed(of: number, on: place.slots)), place.time + span < now
            else { return false }
            keep(
                place.slots, for: job, shape: shape, lines.lines[line], spans, from: place.time, isChosen: true, &round)
            round.waitsForFaster += 1
            round.waitsForFasterInLine[line, default: 0] += 1
        }
        return round.waitsForFasterInLine[line, default: 0] >= waiting
    }

    /// Where a shape will be over soonest, if nothing but what is reserved already starts meanwhile: on fast devices
    /// later, or on slower ones before. Where nothing is known of how long it takes, where it starts soonest.
    private mutating func soonestOver(
        _ number: Int, _ spans: Spans, above speed: Double = 0, _ round: Round
    ) -> EarliestFits.Place? {
        let known = spans.expected == nil ? [] : shapes.speeds(number, fleet)
        var best: (place: EarliestFits.Place, end: Timestamp)?
        for least in known.count > 1 || speed > 0 ? known.filter({ $0 > speed }) : [0] {
            guard let place = earliestFit(number, leastSpeed: least, spans, round) else { continue }
            let speed = self.speed(of: number, on: place.slots)
            let end = spans.expected(atSpeed: speed).map { place.time + $0 } ?? place.time
            if let best, (best.end, best.place.time) <= (end, place.time) { continue }
            best = (place, end)
        }
        return best?.place
    }

    /// When and where a shape fits soonest, if nothing but what is reserved already starts meanwhile.
    private mutating func earliestFit(_ number: Int, leastSpeed: Double, _ spans: Spans, _ round: Round)
        -> EarliestFits.Place?
    {
        let key = EarliestFits.Key(shape: number, leastSpeed: leastSpeed)
        var fits = earliest.removeValue(forKey: key) ?? EarliestFits(shapes[number].digest, key)
        if fits.digest != shapes[number].digest { fits = EarliestFits(shapes[number].digest, key) }
        earliestUses += 1
        fits.lastUse = earliestUses
        defer {
            // Each may have an entry for every node; the one not asked for longest goes.
            if earliest.count >= max(16, min(512, Self.mostEarliestEntries / max(1, fleet.nodes.count))),
                let oldest = earliest.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                earliest[oldest.key] = nil
            }
            earliest[key] = fits
        }
        return fits.first(spans, fleet, &shapes, round)
    }
}
