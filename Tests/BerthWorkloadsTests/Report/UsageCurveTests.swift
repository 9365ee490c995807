import BerthWorkloads
import Testing

struct UsageCurveTests {
    private static let schedule = Schedule(
        unit: "GPUs", capacity: 4,
        entries: [
            .init(job: "a", start: 0, end: 10, width: 2), .init(job: "b", start: 5, end: 10, width: 1),
            .init(job: "c", start: 10, end: 20, width: 3), .init(job: "d", start: 30, end: 40, width: 0.5),
        ])

    @Test func `it steps where the sum of the widths changes`() {
        let points = UsageCurve(Self.schedule).points
        #expect(points.map(\.time) == [0, 5, 20, 30, 40])
        #expect(points.map(\.used) == [2, 3, 0, 0.5, 0])
    }

    @Test func `its mean is the area over the time`() {
        #expect(UsageCurve(Self.schedule).mean == (10 + 15 + 30 + 5) / 40.0)
        #expect(UsageCurve(Schedule(unit: "GPUs", capacity: 4)).mean == 0)
    }

    @Test func `averaged, it keeps its area`() {
        let curve = UsageCurve(Self.schedule).averaged(over: 0...40, steps: 16)
        #expect(curve.points.count == 17)
        #expect(abs(curve.mean - 1.5) < 1e-12)
        #expect(curve.points[2].used == 3)
    }

    @Test func `shares that are gone leave nothing behind`() {
        let entries = (0..<10).map { Schedule.Entry(job: "\($0)", start: 0, end: Double($0 + 1), width: 0.1) }
        #expect(UsageCurve(Schedule(unit: "GPUs", capacity: 1, entries: entries)).points.last?.used == 0)
    }
}
