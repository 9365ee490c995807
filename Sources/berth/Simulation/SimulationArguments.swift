import ArgumentParser
import BerthModel
import BerthWorkloads
import Foundation

/// All that the formats of `berth simulate` take, in one place; each of them reads its share.
struct SimulationArguments: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The workload, perhaps zipped (.gz); for gavel, spot and wfformat several.", valueName: "file"))
    var workload: [String] = []

    @Option(
        help: ArgumentHelp(
            "openb: the nodes (CSV). wfformat: the machines (CSV), else those of the recording.", valueName: "file"))
    var fleet: String?

    @Option(help: ArgumentHelp("Who decides: berth, if not given, or a published policy.", valueName: "name"))
    var policy: String?

    @Option(help: ArgumentHelp("openb, spot, synthetic: a run for each of these seeds.", valueName: "a-b"))
    var seeds: String?

    @Option(help: ArgumentHelp("swf: plan by the times requested, or by exact ones.", valueName: "requested|exact"))
    var estimates: String?

    @Option(
        name: .customLong("protocol"),
        help: ArgumentHelp("swf: the whole log, or windows of it.", valueName: "full|windows"))
    var protocolName: String?

    @Option(help: ArgumentHelp("swf: where windows start, as places in the log from 0.", valueName: "n,n,…"))
    var windowStarts: String?

    @Option(help: ArgumentHelp("gavel: steps per second by GPU type (CSV).", valueName: "file"))
    var throughputs: String?

    @Option(
        help: ArgumentHelp("gavel: the same for two jobs on the same GPUs; lets Berth share them.", valueName: "file"))
    var colocated: String?

    @Option(help: ArgumentHelp("gavel: the first so many jobs, all there at the start.", valueName: "n"))
    var jobs: Int?

    @Option(help: ArgumentHelp("gavel: jobs come at this rate.", valueName: "rate"))
    var jobsPerHour: Double?

    @Option(help: ArgumentHelp("spot: how long the job works (48h).", valueName: "duration"))
    var work: String?

    @Option(help: ArgumentHelp("spot: when it must have ended, from its start (60h).", valueName: "duration"))
    var deadline: String?

    @Option(help: ArgumentHelp("spot: what starting an instance takes (12m).", valueName: "duration"))
    var changeover: String?

    @Option(help: ArgumentHelp("spot: random starts in each trace (300).", valueName: "n"))
    var starts: Int?

    @Option(help: ArgumentHelp("spot: what on-demand costs, in the price of spot (3).", valueName: "ratio"))
    var priceRatio: Double?

    @Option(help: ArgumentHelp("journal: jobs submitted at this time or later.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("journal: jobs submitted before this time.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("synthetic: nodes, of ten shapes (10000).", valueName: "n"))
    var nodes: Int?

    @Option(help: ArgumentHelp("synthetic: jobs that wait (1000000).", valueName: "n"))
    var queued: Int?

    @Option(help: ArgumentHelp("synthetic: different requests among them (1000).", valueName: "n"))
    var classes: Int?

    @Option(help: ArgumentHelp("synthetic: ends of jobs to measure (5000).", valueName: "n"))
    var events: Int?

    @Flag(help: "spot: Berth knows what was there before the job's start.")
    var history = false
}

extension SimulationArguments {
    /// An option by its name on the command line.
    enum OptionName: String, CaseIterable {
        case workload, fleet, policy, seeds, estimates
        case protocolName = "protocol"
        case windowStarts = "window-starts"
        case throughputs, colocated, jobs
        case jobsPerHour = "jobs-per-hour"
        case work, deadline, changeover, starts
        case priceRatio = "price-ratio"
        case from, until
        case nodes, queued, classes, events
        case history

        var text: String { "--" + rawValue }
    }

    func isGiven(_ option: OptionName) -> Bool {
        switch option {
        case .workload: !workload.isEmpty
        case .fleet: fleet != nil
        case .policy: policy != nil
        case .seeds: seeds != nil
        case .estimates: estimates != nil
        case .protocolName: protocolName != nil
        case .windowStarts: windowStarts != nil
        case .throughputs: throughputs != nil
        case .colocated: colocated != nil
        case .jobs: jobs != nil
        case .jobsPerHour: jobsPerHour != nil
        case .work: work != nil
        case .deadline: deadline != nil
        case .changeover: changeover != nil
        case .starts: starts != nil
        case .priceRatio: priceRatio != nil
        case .from: from != nil
        case .until: until != nil
        case .nodes: nodes != nil
        case .queued: queued != nil
        case .classes: classes != nil
        case .events: events != nil
        case .history: history
        }
    }
}
