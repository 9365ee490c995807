import BerthModel
import Foundation
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-12-01T08:00:00Z", 1_796_112_000_000_000),
            ("2026-12-01T09:30:00+01:30", 1_796_112_000_000_000), ("2026-12-01 08:00:00z", 1_796_112_000_000_000),
            ("1969-12-31T23:59:59.5Z", -500_000), ("2000-02-29T00:00:00.123456789Z", 951_782_400_123_456),
        ] as [(String, Int64)])
    func `RFC 3339 is read with a fraction, an offset, or neither`(text: String, microseconds: Int64) {
        #expect(Timestamp(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026-12-01", "2026-12-01T08:00:00", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2026-12-32T00:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T08:60:00Z",
        "2026-12-01T08:00:60Z", "2026-12-01T08:00:00.Z", "2026-12-01T08:00:00+1:00", "2026-12-01T08:00:00+01:60",
        "2026-12-01T08:00:00ZZ", "20261201T080000Z", "+026-12-01T08:00:00Z", "2026-12-01T08:00:00+", "tomorrow",
        "2026-12-01T08:00:00.5", "２026-12-01T08:00:00Z",
    ])
    func `what is no instant is refused`(text: String) { #expect(Timestamp(text) == nil) }

    @Test func `it is written in UTC with microseconds`() {
        #expect(Timestamp.epoch.description == "1970-01-01T00:00:00.000000Z")
        #expect(Timestamp(microseconds: -1).description == "1969-12-31T23:59:59.999999Z")
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `what is written is read back, and Foundation's calendar agrees`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        // The years 1 to 9999.
        let seconds = Int64.random(in: -62_135_596_800...253_402_300_799, using: &random)
        let time = Timestamp(microseconds: seconds * 1_000_000 + Int64.random(in: 0..<1_000_000, using: &random))
        #expect(try #require(Timestamp(time.description)) == time)

        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        let parts = calendar.dateComponents(
            [.hour, .minute, .second], from: Date(timeIntervalSince1970: Double(seconds)))
        let clock = [parts.hour, parts.minute, parts.second].map { $0.map { $0 < 10 ? "0\($0)" : "\($0)" } ?? "?" }
        #expect(time.description.dropFirst(11).hasPrefix(clock.joined(separator: ":")))
        if seconds > -12_219_292_800 {  // Before 1582 Foundation may take the Julian calendar.
            let day = calendar.dateComponents(
                [.year, .month, .day], from: Date(timeIntervalSince1970: Double(seconds)))
            let numbers = time.description.prefix(10).split(separator: "-").compactMap { Int($0) }
            #expect(numbers == [day.year, day.month, day.day].compactMap { $0 })
        }
    }

    @Test func `sums and differences at the end of time are clamped, never a crash`() {
        let (first, last) = (Timestamp(microseconds: .min), Timestamp(microseconds: .max))
        #expect(last + .seconds(1) == last)
        #expect(first - .seconds(1) == first)
        #expect(Timestamp.epoch - .seconds(Int64.min) == last)
        #expect(last - first > .seconds(18_000_000_000_000))
        #expect(first - last < .zero)
    }

    @Test func `the difference of two instants leads from one to the other`() {
        let (early, late) = (Timestamp(microseconds: 5), Timestamp(microseconds: 1_000_007))
        #expect(early + (late - early) == late)
        #expect(early - late == .microseconds(-1_000_002))
    }
}
