import BerthModel
import Foundation
import Testing

@Suite struct WaitForecastTests {
    private let forecast = WaitForecast(draws: (1...399).map { Double($0) * 10 }, at: .epoch)

    @Test func `the quantiles of what was drawn have the scores of the normal distribution`() {
        #expect(forecast.seconds.map { ($0 / 10).rounded() } == [10, 40, 100, 200, 300, 360, 390])
        for (seconds, score) in zip(forecast.seconds, [-1.96, -1.2816, -0.6745, 0, 0.6745, 1.2816, 1.96]) {
            // The longer waits are so near to one another, on a logarithmic scale, that they are told apart a little more.
            guard seconds <= 2000 else { continue }
            #expect(abs(forecast.score(of: .seconds(seconds)) - score) < 0.001)
        }
    }

    @Test func `a score leads back to its wait, within and far beyond what was drawn`() {
        for score in stride(from: -1.9, through: 6, by: 0.37) {
            let wait = forecast.end(atScore: score) - .epoch
            #expect(abs(forecast.score(of: wait) - score) < 0.001, "\(score)")
        }
        #expect(forecast.end(atScore: -1000) == .epoch, "nothing starts before it was foreseen")
        #expect(forecast.end(atScore: 1e300) > .epoch + .seconds(86_400 * 365))
    }

    @Test(arguments: [
        [0], [1e300, 5], [.nan, .infinity, -.infinity, -7, 60], Array(repeating: 600, count: 40),
        Array(repeating: .nan, count: 3),
    ])
    func `whatever was drawn, longer waits have higher scores, and bands have a width`(draws: [Double]) {
        let forecast = WaitForecast(draws: draws, at: .epoch + .seconds(1_000_000_000))
        let scores = [0, 1, 60, 600, 3600, 86_400, 86_400 * 30].map { forecast.score(of: .seconds($0)) }
        #expect(zip(scores, scores.dropFirst()).allSatisfy { $0 < $1 } && scores.allSatisfy(\.isFinite))
        #expect(forecast.score(of: .seconds(-5)) == scores[0])
        let ends = [0, 0.7, 1.3, 2, 40].map(forecast.end(atScore:))
        #expect(zip(ends, ends.dropFirst()).allSatisfy { $0 <= $1 } && ends[0] >= forecast.time)
        #expect(draws.contains { $0.isNaN } || ends[0] < ends[1] || draws == [1e300, 5])
    }

    @Test func `a record that is no forecast is refused, and one out of order is put in order`() throws {
        func read(_ seconds: String) throws -> WaitForecast {
            try JSONDecoder().decode(WaitForecast.self, from: Data("{\"time\": 5, \"seconds\": \(seconds)}".utf8))
        }
        #expect(throws: DecodingError.self) { try read("[1, 2, 3]") }
        #expect(try read("[7, 6, 5, 4, 3, 2, -1]").seconds == [0, 2, 3, 4, 5, 6, 7])
        #expect(try JSONDecoder().decode(WaitForecast.self, from: JSONEncoder().encode(forecast)) == forecast)
    }
}
