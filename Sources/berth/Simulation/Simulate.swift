import ArgumentParser
import BerthModel
import BerthWorkloads
import Foundation

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Replay a workload in virtual time, under Berth's policy or a published one.",
        discussion:
            "Formats: openb (GPU sharing), swf (batch logs), gavel (GPUs of several types), spot (spot instances under "
            + "a deadline), wfformat (workflows), journal (Berth's own history), synthetic (the planner under load). "
            + "docs/simulation.md describes each."
    )

    @Option(
        help: ArgumentHelp(
            "What the workload is: openb, swf, gavel, spot, wfformat, journal or synthetic.", valueName: "format")
    )
    var format: String
    @OptionGroup var arguments: SimulationArguments
    @Flag(help: "Print one JSON document.") var json = false
    @Option(help: ArgumentHelp("Draw who ran when, and how much was in use, into this file.", valueName: "file.svg"))
    var svg: String?

    func run() async throws {
        let format: WorkloadFormat = try arguments.choice(format, called: "format")
        try format.refuseStrangers(in: arguments)
        try refuseUnwritablePicture(of: format)
        let report: SimulationReport
        do {
            let runs = try await SimulationParts(format.format.parts(arguments)).runs()
            report = SimulationReport(
                format: format.rawValue, policy: arguments.policy ?? "berth",
                workloads: arguments.workload.map { WorkloadFile($0).name }, runs: runs)
        } catch let error as TraceError {
            throw Failure(2, error.description)
        }
        if json { try printJSON(report) } else { try show(report) }
        if let svg { try draw(report, to: svg) }
    }

    private func show(_ report: SimulationReport) throws {
        let figures = ReportTable(report)
        var table = Table(figures.titles)
        for row in figures.rows { table.add(row) }
        try table.print()
    }

    /// Found out first: nobody wants to hear it after an hour of simulation.
    private func refuseUnwritablePicture(of format: WorkloadFormat) throws {
        guard let svg else { return }
        guard format.format.knowsTime else {
            let others = WorkloadFormat.allCases.filter { $0.format.knowsTime }.map(\.rawValue).joined(separator: ", ")
            throw Failure(
                2,
                "\(format.rawValue) does not say when a job runs, so there is no picture. There is one for \(others).")
        }
        let folder = URL(fileURLWithPath: svg).deletingLastPathComponent().path
        guard FileManager.default.isWritableFile(atPath: folder) else {
            throw Failure(2, "\(svg) cannot be written: \(folder) is no folder that may be written to.")
        }
    }

    /// Draws the first run that says when its jobs ran.
    private func draw(_ report: SimulationReport, to path: String) throws {
        guard let run = report.runs.first(where: { $0.schedule != nil }), let schedule = run.schedule else {
            throw Failure(1, "No run says when its jobs ran, so there is no picture.")
        }
        let files = arguments.workload.map { WorkloadFile($0).stem }
        let names =
            [report.format, report.policy] + (files.count == 1 && files != [run.label] ? files : []) + [run.label]
        let picture = SchedulePicture(schedule, title: names.joined(separator: " · ")).svg
        do { try Data(picture.utf8).write(to: URL(fileURLWithPath: path)) } catch {
            throw Failure(1, "\(path) cannot be written: \(error.localizedDescription)")
        }
        if report.runs.count > 1 {
            Terminal.note("\(path) shows one of \(report.runs.count) runs: \(run.label).")
        }
    }
}
