import RealModule

/// How long spot capacity stays and stays away, learned from watching it.
///
/// Both have heavy tails: most runs last minutes, a few last days. So the chance that a run ends is kept per *age*, in
/// bands that double in width. What is not yet known is taken as scale-free (a run lasts about as long again as it has
/// lasted: half of those that enter a band outlive it), worth `priorEnds` ended runs per band. Ends and time watched
/// are counted on top, so each band's rate is the mean of a gamma posterior. Past the last band the rate is constant.
public struct SpotForecast: Sendable {
    /// The width of the first band.
    private let firstBandSeconds: Double
    private var stay: Bands
    private var absence: Bands
    private var current: (isAvailable: Bool, ageSeconds: Double)?

    /// Six bands from ten minutes end at five hours: the widths fitted four traces that the published comparison does
    /// not use (the paper's second AWS set), and 5, 7 and 8 bands do nearly as well.
    public init(firstBandSeconds: Double = 600, bandCount: Int = 6, priorEnds: Double = 4) {
        precondition(firstBandSeconds > 0 && bandCount > 0 && priorEnds > 0, "a forecast needs bands and a prior")
        self.firstBandSeconds = firstBandSeconds
        let prior = Bands(firstBandSeconds: firstBandSeconds, count: bandCount, priorEnds: priorEnds)
        stay = prior
        absence = prior
    }

    /// Notes whether spot capacity is there, `seconds` after the last look. A change counts as happening now.
    public mutating func observe(available: Bool, after seconds: Double) {
        guard let (was, age) = current else {
            current = (available, 0)
            return
        }
        let band = band(atAge: age)
        let hasEnded = available != was
        if was {
            stay.note(seconds, in: band, ended: hasEnded)
        } else {
            absence.note(seconds, in: band, ended: hasEnded)
        }
        current = (available, hasEnded ? 0 : age + seconds)
    }

    /// Where spot capacity stands now, as one of `phaseCount` phases.
    var phase: Int {
        guard let (isAvailable, age) = current else { return absentPhase }
        return (isAvailable ? 0 : absentPhase) + band(atAge: age)
    }

    /// Phases in which it is there, youngest first; then those in which it is not.
    var phaseCount: Int { 2 * stay.count }
    var absentPhase: Int { stay.count }
    func isAvailable(inPhase phase: Int) -> Bool { phase < absentPhase }

    /// What may become of `phase` within `seconds`: it ends (spot capacity comes or goes), ages by a band, or neither.
    func outlook(ofPhase phase: Int, within seconds: Double) -> (ends: Double, ages: Double) {
        let band = phase % absentPhase
        let rate = (isAvailable(inPhase: phase) ? stay : absence).endsPerSecond(in: band)
        let ends = 1 - Double.exp(-rate * seconds)
        let isLast = band == absentPhase - 1
        return (ends, isLast ? 0 : (1 - ends) * min(1, seconds / Bands.width(of: band, first: firstBandSeconds)))
    }

    private func band(atAge seconds: Double) -> Int {
        var band = 0
        var end = firstBandSeconds
        while seconds >= end && band < stay.count - 1 {
            band += 1
            end += Bands.width(of: band, first: firstBandSeconds)
        }
        return band
    }

    /// Ends and time watched, per band of age.
    private struct Bands {
        private var ends: [Double]
        private var watchedSeconds: [Double]

        init(firstBandSeconds: Double, count: Int, priorEnds: Double) {
            ends = Array(repeating: priorEnds, count: count)
            watchedSeconds = (0..<count).map { priorEnds * Self.width(of: $0, first: firstBandSeconds) / .log(2) }
        }

        var count: Int { ends.count }

        static func width(of band: Int, first: Double) -> Double { first * .exp2(Double(band)) }

        mutating func note(_ seconds: Double, in band: Int, ended: Bool) {
            watchedSeconds[band] += seconds
            if ended { ends[band] += 1 }
        }

        func endsPerSecond(in band: Int) -> Double { ends[band] / watchedSeconds[band] }
    }
}
