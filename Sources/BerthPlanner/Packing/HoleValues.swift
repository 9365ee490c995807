/// What the free part of one GPU, a hole, is worth: how much of it tasks can be expected to fill, in thousandths of a
/// GPU, when each must also pay for its CPU. Once for each of eight CPU prices.
///
/// The controller sees tasks arrive at the rates of the mix and may send one into the hole or elsewhere; the hole is
/// given up at a small rate of its own, the impatience. With `a` the rate of a request, `w` its part of the GPU, `c`
/// its CPU and `p` the price of CPU, the value of a hole of size `r` solves Bellman's equation
///
///     (θ + Σ a) · h(r) = Σ a · max(h(r), w − p·c + h(r − w))
///
/// over the requests with `w ≤ r`. So a hole of 190 is worth little where few tasks are that small, and a task that
/// would leave such a hole costs what the hole loses.
///
/// Source: our own; optimal stopping as in Bertsekas, "Dynamic Programming and Optimal Control" vol. 2, and the hole
/// as a bid price, Talluri and van Ryzin, Management Science 44(11), 1998. The equation is solved by policy
/// iteration, which rises monotonically and ends after a few rounds.
struct HoleValues: Sendable {
    typealias Prices = SIMD8<Float>

    /// Holes and requests are counted in steps of so many thousandths: requests round up and holes down.
    static let step = 10
    private static let steps = 1000 / step
    private static let roundLimit = 16

    /// By the hole's size in steps, 0 to 1000 thousandths.
    private let values: [Prices]

    struct Request {
        /// Thousandths of one GPU.
        var gpuMillis: Int
        /// Thousandths of a core for each GPU.
        var cpuMillis: Float
        /// Arrivals for each arrival of the mix.
        var rate: Float
    }

    /// - Parameters:
    ///   - prices: thousandths of a GPU for each thousandth of a core.
    ///   - impatience: rate at which a hole is given up, for each arrival of the mix.
    /// - Complexity: O(100 · requests · rounds), a few rounds.
    init(requests: [Request], prices: Prices, impatience: Float) {
        var values = Array(repeating: Prices.zero, count: Self.steps + 1)
        var gains: [(gain: Prices, rate: Float)] = []
        for size in 1...Self.steps {
            gains.removeAll(keepingCapacity: true)
            for request in requests {
                let steps = (request.gpuMillis + Self.step - 1) / Self.step
                guard steps <= size else { continue }
                gains.append(
                    (Float(request.gpuMillis) - prices * request.cpuMillis + values[size - steps], request.rate))
            }
            values[size] = Self.value(gains, impatience: impatience)
        }
        self.values = values
    }

    /// The value of a hole that has `millis` free, at each price.
    func value(ofHole millis: UInt16) -> Prices { values[Int(millis) / Self.step] }

    private static func value(_ gains: [(gain: Prices, rate: Float)], impatience: Float) -> Prices {
        var value = Prices.zero
        for _ in 0..<roundLimit {
            var gained = Prices.zero
            var rates = Prices(repeating: impatience)
            for (gain, rate) in gains {
                let taken = Prices.zero.replacing(with: rate, where: gain .> value)
                gained += gain * taken
                rates += taken
            }
            let next = gained / rates
            if next == value { break }
            value = next
        }
        return value
    }
}
