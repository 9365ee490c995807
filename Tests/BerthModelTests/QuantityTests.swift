import BerthModel
import Testing

@Suite struct ByteCountTests {
    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("512MiB", 512 << 20), ("4GiB", 4 << 30), ("4GB", 4_000_000_000), ("8G", 8 << 30),
            ("1.5GiB", 3 << 29), ("0.5K", 512), ("10 MB", 10_000_000), ("1PiB", 1 << 50), ("7B", 7), ("3kB", 3000),
            ("9223372036854775807", .max), ("8191PiB", 8191 << 50),
        ] as [(String, Int64)])
    func `sizes are read as people write them`(text: String, bytes: Int64) { #expect(ByteCount.parse(text) == bytes) }

    @Test(arguments: [
        "", " ", ".", "-1", "-1GiB", "+1", "GiB", "1 XB", "1gib", "1GiBs", "1.2.3", "1e3", "0x10", "nan", "inf",
        "9223372036854775808", "8192PiB", "1e400PiB", "99999999999999999999GiB", "٣GiB", "1\u{301}",
    ])
    func `what is no size is refused, and so is what is beyond 64 bits`(text: String) {
        #expect(ByteCount.parse(text) == nil)
    }

    @Test(
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3 << 29, "1.5 GiB"), (-(3 << 29), "-1.5 GiB"),
            (1 << 50, "1 PiB"),
            (.max, "8192 PiB"), (.min, "-8192 PiB"),
        ] as [(Int64, String)])
    func `sizes are written in the largest unit that leaves one`(bytes: Int64, text: String) {
        #expect(ByteCount.text(bytes) == text)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `a written size is read back to within its decimal`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bytes = Int64.random(in: 0...(1 << Int64.random(in: 0...52, using: &random)), using: &random)
        let read = try #require(ByteCount.parse(ByteCount.text(bytes)))
        #expect(abs(read - bytes) <= max(1, bytes / 19))
    }
}

@Suite struct DurationTests {
    @Test(
        arguments: [
            ("90s", .seconds(90)), ("10m", .seconds(600)), ("10min", .seconds(600)), ("2h30m", .seconds(9000)),
            ("7d", .seconds(604_800)), ("1w", .seconds(604_800)), ("1.5h", .seconds(5400)),
            ("500ms", .milliseconds(500)),
            ("45", .seconds(45)), ("0", .zero), ("2.5", .milliseconds(2500)), ("1:30:00", .seconds(5400)),
            ("5:00", .seconds(300)), ("2-12:00:00", .seconds(216_000)), ("0.000001", .microseconds(1)),
        ] as [(String, Duration)])
    func `times are read as people write them`(text: String, duration: Duration) {
        #expect(Duration(text: text) == duration)
    }

    @Test(arguments: [
        "", " ", "s", "h2", "-5", "-5s", "+5", "1:+30", "+1:30", "5 m", "5x", "1h-5m", "1h5", "nan", "inf", "infinity",
        "0x10", "0X1p3", "1:2:3:4", ":", "1:", "x-1:00:00", "-1:00:00", "1e12", "99999999999999d", "1:99999999999",
        "9999999-1:00:00",
    ])
    func `what is no time is refused, and so is what is too long`(text: String) {
        #expect(Duration(text: text) == nil)
    }

    @Test func `after days come hours, as Slurm's users mean it`() {
        #expect(Duration(text: "1-12:00") == .seconds(36 * 3600))
        #expect(Duration(text: "12:00") == .seconds(12 * 60))
    }

    @Test func `a number alone is as exact as the same number of seconds`() {
        #expect(Duration(text: "1.005") == .microseconds(1_005_000))
        #expect(Duration(text: "1.005s") == .microseconds(1_005_000))
    }

    @Test(
        arguments: [
            (.zero, "0s"), (.microseconds(900), "0s"), (.milliseconds(12), "12ms"), (.milliseconds(2400), "2.4s"),
            (.milliseconds(1050), "1s"), (.seconds(90), "1m 30s"), (.seconds(65), "1m 05s"),
            (.seconds(14_700), "4h 05m"),
            (.seconds(183_600), "2d 03h"), (.seconds(-90), "-1m 30s"), (.milliseconds(-12), "-12ms"),
        ] as [(Duration, String)])
    func `times are written for people`(duration: Duration, text: String) { #expect(duration.text == text) }

    @Test func `a duration beyond 64 bits of microseconds is clamped`() {
        #expect(Duration.seconds(Int64.max).microseconds == .max)
        #expect(Duration.seconds(Int64.min).microseconds == .min)
        #expect(Duration.seconds(Int64.min).text.hasPrefix("-"))
    }
}

@Suite struct NearestNameTests {
    @Test(arguments: [
        ("bacth", "batch"), ("Batch", "batch"), ("urgnt", "urgent"), ("urgently", "urgent"), ("spto", "spot"),
        ("batch", "batch"),
    ])
    func `a slip of the finger finds what was meant`(written: String, meant: String) {
        #expect(written.nearest(in: ["urgent", "batch", "spot"]) == meant)
    }

    @Test func `nothing near is no suggestion`() {
        #expect("interactive".nearest(in: ["urgent", "batch", "spot"]) == nil)
        #expect("batch".nearest(in: []) == nil)
        #expect(String(repeating: "batch", count: 10_000).nearest(in: ["batch"]) == nil)
    }

    @Test func `of two as near the first by name is suggested, in whatever order they come`() {
        #expect("bat".nearest(in: ["cat", "bar"]) == "bar")
        #expect("bat".nearest(in: ["bar", "cat"]) == "bar")
    }
}
