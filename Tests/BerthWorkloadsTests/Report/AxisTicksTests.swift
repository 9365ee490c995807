import BerthWorkloads
import Testing

struct AxisTicksTests {
    @Test(arguments: [
        (0.0...60, "seconds", ["0", "5", "10", "15", "20", "25", "30", "35", "40", "45", "50", "55", "60"]),
        (0...3600, "minutes", ["0", "5", "10", "15", "20", "25", "30", "35", "40", "45", "50", "55", "60"]),
        (0...86_400, "hours", ["0", "2", "4", "6", "8", "10", "12", "14", "16", "18", "20", "22", "24"]),
        (0...216_000, "hours", ["0", "6", "12", "18", "24", "30", "36", "42", "48", "54", "60"]),
        (0...864_000, "days", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]),
        (0...31_536_000, "days", ["0", "50", "100", "150", "200", "250", "300", "350"]),
        (0...0.5, "seconds", ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45", "0.5"]),
    ])
    func `a time axis counts in the unit that suits it`(range: ClosedRange<Double>, unit: String, texts: [String]) {
        let axis = AxisTicks(seconds: range, atMost: 12)
        #expect(axis.unit == unit)
        #expect(axis.ticks.map(\.text) == texts)
    }

    @Test func `an axis that starts late is marked at round times all the same`() {
        let axis = AxisTicks(seconds: 3_700...18_000, atMost: 12)
        #expect(axis.ticks.map(\.text) == ["1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5"])
        #expect(axis.ticks.first?.value == 5400)
    }

    @Test(arguments: [
        (100.0, 5, ["0", "20", "40", "60", "80", "100"]), (36, 6, ["0", "10", "20", "30"]), (1, 2, ["0", "0.5", "1"]),
        (6212, 7, ["0", "1000", "2000", "3000", "4000", "5000", "6000"]),
    ])
    func `numbers go up by one, two or five`(top: Double, limit: Int, texts: [String]) {
        #expect(AxisTicks(numbers: 0...top, atMost: limit).ticks.map(\.text) == texts)
    }
}
