/// An instant of wall-clock time in microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time).
public struct Timestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    public init(from decoder: any Decoder) throws { microseconds = try Int64(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try microseconds.encode(to: encoder) }

    public static let epoch = Timestamp(microseconds: 0)

    public static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
    public static func + (instant: Self, duration: Duration) -> Self {
        Timestamp(microseconds: instant.microseconds.addingClamped(duration.microseconds))
    }
    public static func - (instant: Self, duration: Duration) -> Self {
        Timestamp(microseconds: instant.microseconds.addingClamped(-max(duration.microseconds, -.max)))
    }
    /// The time from `right` to `left`; negative if `left` is the earlier one.
    public static func - (left: Self, right: Self) -> Duration {
        .microseconds(left.microseconds) - .microseconds(right.microseconds)
    }

    /// RFC 3339 in UTC with microseconds: `2026-12-01T08:00:00.000000Z`.
    public var description: String {
        let (seconds, fraction) = microseconds.flooredDivision(by: 1_000_000)
        let (days, second) = seconds.flooredDivision(by: 86_400)
        let (year, month, day) = Self.civil(fromDays: days)
        return "\(year.padded(4))-\(month.padded(2))-\(day.padded(2))T"
            + "\((second / 3600).padded(2)):\((second / 60 % 60).padded(2)):\((second % 60).padded(2))"
            + ".\(fraction.padded(6))Z"
    }

    /// Reads RFC 3339 with `Z` or an offset, with or without a fraction; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            return bytes[range].reduce(Int64?(0)) { sum, byte in
                guard let sum, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                return sum * 10 + Int64(byte - UInt8(ascii: "0"))
            }
        }
        func matches(_ index: Int, _ characters: String) -> Bool {
            index < bytes.count && characters.utf8.contains(bytes[index])
        }
        guard let year = number(0..<4), matches(4, "-"), let month = number(5..<7), (1...12).contains(month),
            matches(7, "-"), let day = number(8..<10), day >= 1, day <= Self.days(inMonth: month, of: year),
            matches(10, "Tt "), let hour = number(11..<13), hour < 24, matches(13, ":"),
            let minute = number(14..<16), minute < 60, matches(16, ":"), let second = number(17..<19), second < 60
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if matches(index, ".") {
            index += 1
            var scale: Int64 = 100_000
            let start = index
            while index < bytes.count, let digit = number(index..<index + 1) {
                fraction += digit * scale
                scale /= 10
                index += 1
            }
            guard index > start else { return nil }
        }
        var offset: Int64 = 0
        if matches(index, "Zz") {
            index += 1
        } else if matches(index, "+-"), let hours = number(index + 1..<index + 3), hours < 24, matches(index + 3, ":"),
            let minutes = number(index + 4..<index + 6), minutes < 60
        {
            offset = (hours * 60 + minutes) * 60 * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
            index += 6
        } else {
            return nil
        }
        guard index == bytes.count else { return nil }
        let seconds = Self.days(fromCivil: year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
    ///
    /// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    private static func days(fromCivil year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.flooredDivision(by: 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The inverse of `days(fromCivil:)`. Source: the same page, civil_from_days.
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension Duration {
    /// Whole microseconds, rounded towards zero and clamped to what 64 bits hold (292,000 years).
    public var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        return product.addingClamped(attoseconds / 1_000_000_000_000)
    }

    /// Seconds with their fraction, for arithmetic where a microsecond more or less does not count.
    public var inSeconds: Double { Double(microseconds) / 1_000_000 }
}

extension Int64 {
    package func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// Quotient rounded down and the remainder that goes with it, never negative.
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}
