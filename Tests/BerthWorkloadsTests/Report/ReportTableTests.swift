import BerthWorkloads
import Testing

struct ReportTableTests {
    private static func table(_ runs: [SimulationRun]) -> ReportTable {
        ReportTable(SimulationReport(format: "swf", policy: "easy", workloads: ["log"], runs: runs))
    }

    @Test(arguments: [
        ("averageBoundedSlowdown", nil, "AVG BSLD"), ("meanFlowSeconds", nil, "MEAN FLOW s"),
        ("maximumFlowSeconds", nil, "MAX FLOW s"), ("unallocatedPercent", "100", "UNALLOC@100 %"),
        ("eventMicroseconds", "p99", "EVENT@p99 µs"), ("jobs", nil, "JOBS"), ("seconds", nil, "SECONDS"),
    ])
    func `a column's head is the figure's name with its unit at the end`(name: String, key: String?, title: String) {
        #expect(SimulationRun.Metric(name, key: key, 0).title == title)
    }

    @Test func `several runs are followed by their mean and deviation, points under one another`() {
        let table = Self.table([
            SimulationRun(
                label: "window 1981", metrics: [.init("jobs", 1024), .init("averageBoundedSlowdown", 96.125)]),
            SimulationRun(label: "window 2756", metrics: [.init("jobs", 1024), .init("averageBoundedSlowdown", 4.5)]),
        ])
        #expect(table.titles == ["RUN", "JOBS", "AVG BSLD"])
        #expect(
            table.rows == [
                ["window 1981", "1024", "96.13"], ["window 2756", "1024", " 4.50"], ["mean", "1024", "50.31"],
                ["sd", "   0", "64.79"],
            ])
    }

    @Test func `whole figures have no point, and leave room for their mean's`() {
        let table = Self.table([
            SimulationRun(label: "1", metrics: [.init("missedDeadlines", 1)]),
            SimulationRun(label: "2", metrics: [.init("missedDeadlines", 2)]),
        ])
        #expect(table.rows.map { $0[1] } == ["1    ", "2    ", "1.500", "0.707"])
    }

    @Test func `one run stands alone, and what is no number is a dash`() {
        let table = Self.table([SimulationRun(label: "all", metrics: [.init("jobs", 3), .init("utilization", .nan)])])
        #expect(table.rows == [["all", "3", "-"]])
    }

    @Test func `a run without a figure leaves its place empty`() {
        let table = Self.table([
            SimulationRun(label: "1", metrics: [.init("a", 1)]), SimulationRun(label: "2", metrics: [.init("b", 2)]),
        ])
        #expect(table.titles == ["RUN", "A", "B"])
        #expect(table.rows[0] == ["1", "1", " "])
    }

    @Test(arguments: [
        (0.0, 2, "0.00"), (-0.001, 2, "0.00"), (-1.25, 1, "-1.3"), (1234.5678, 2, "1234.57"), (.infinity, 1, "-"),
        (1e300, 2, "1e+300"), (0.05, 1, "0.1"), (7, 0, "7"),
    ])
    func `a number is written with its decimals`(value: Double, decimals: Int, text: String) {
        #expect(value.text(decimals: decimals) == text)
    }

    @Test(arguments: [(1.5, "1.5"), (2, "2"), (100, "100"), (0.125, "0.125"), (-0.0001, "0")])
    func `a short number has no zeros at its end`(value: Double, text: String) {
        #expect(value.shortText(decimals: 3) == text)
    }
}
