import RealModule

/// How long a job may yet wait, as it was foreseen: seven quantiles.
///
/// A wait's *score* says where between the quantiles it lies: 0 at the median, ±1.96 at the outermost, in between and
/// beyond in proportion on a logarithmic scale of time. Where forecasts are right, scores have the normal distribution.
public struct WaitForecast: Hashable, Sendable, Codable {
    /// When it was made.
    public let time: Timestamp
    /// What 2.5, 10, 25, 50, 75, 90 and 97.5 % of the waits stay within, rising.
    public let seconds: [Double]

    private static let fractions = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]
    private static let scores = [-1.959_964, -1.281_552, -0.674_490, 0, 0.674_490, 1.281_552, 1.959_964]
    private static let median = 3
    /// Waits much shorter than this are told apart by their difference, longer ones by their ratio.
    private static let unitSeconds = 60.0
    /// How much the logarithm rises with the score at the least: no forecast is surer than to some 20 % either way half
    /// of the time.
    private static let leastSlope = 0.3
    /// Three centuries.
    private static let longestSeconds = 1e10

    /// - Parameter draws: waits in seconds, as likely one as the other; at least one.
    public init(draws: [Double], at time: Timestamp) {
        precondition(!draws.isEmpty, "a forecast rests on something")
        self.time = time
        let sorted = draws.map(Self.bounded).sorted()
        seconds = Self.fractions.map { fraction in
            let place = min(max(fraction * Double(sorted.count + 1) - 1, 0), Double(sorted.count - 1))
            let (low, part) = (Int(place), place - place.rounded(.down))
            let high = min(low + 1, sorted.count - 1)
            return Self.seconds(Self.logarithm(sorted[low]) * (1 - part) + Self.logarithm(sorted[high]) * part)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        time = try container.decode(Timestamp.self, forKey: .time)
        let seconds = try container.decode([Double].self, forKey: .seconds)
        guard seconds.count == Self.fractions.count else {
            throw DecodingError.dataCorruptedError(
                forKey: .seconds, in: container, debugDescription: "a forecast has seven quantiles")
        }
        self.seconds = seconds.map(Self.bounded).sorted()
    }

    /// Where a wait lies.
    public func score(of wait: Duration) -> Double {
        let (knots, logarithm) = (knots, Self.logarithm(Self.bounded(wait.inSeconds)))
        let place = Self.segment(knots) { $0 < logarithm }
        let slope = (Self.scores[place + 1] - Self.scores[place]) / (knots[place + 1] - knots[place])
        return Self.scores[place] + (logarithm - knots[place]) * slope
    }

    /// When the wait is over that lies there; not before the forecast was made.
    public func end(atScore score: Double) -> Timestamp {
        let (knots, scores) = (knots, Self.scores)
        let place = Self.segment(scores) { $0 < score }
        let slope = (knots[place + 1] - knots[place]) / (scores[place + 1] - scores[place])
        let seconds = Self.seconds(knots[place] + (score - scores[place]) * slope)
        return time + .microseconds(Int64(seconds * 1e6))
    }

    /// The logarithms of the quantiles, none nearer to the next than the least slope lets it.
    private var knots: [Double] {
        var knots = seconds.map(Self.logarithm)
        for place in Self.median + 1..<knots.count {
            let least = Self.leastSlope * (Self.scores[place] - Self.scores[place - 1])
            knots[place] = max(knots[place], knots[place - 1] + least)
        }
        for place in (0..<Self.median).reversed() {
            let least = Self.leastSlope * (Self.scores[place + 1] - Self.scores[place])
            knots[place] = min(knots[place], knots[place + 1] - least)
        }
        return knots
    }

    /// The first of the two neighbours between which something lies; the outermost two where it lies beyond.
    private static func segment(_ values: [Double], _ isBelow: (Double) -> Bool) -> Int {
        max(0, min(values.prefix(while: isBelow).count - 1, values.count - 2))
    }

    private static func bounded(_ seconds: Double) -> Double {
        // Written so that what is no number is long too.
        seconds < longestSeconds ? max(0, seconds) : longestSeconds
    }

    private static func logarithm(_ seconds: Double) -> Double { Double.log(onePlus: seconds / unitSeconds) }
    private static func seconds(_ logarithm: Double) -> Double {
        bounded(unitSeconds * Double.expMinusOne(min(logarithm, 30)))
    }
}
