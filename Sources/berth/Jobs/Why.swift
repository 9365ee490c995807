import ArgumentParser
import BerthAPI
import BerthController
import BerthModel
import Foundation

struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say everything that keeps a job from running now, or why it was started where it was.",
        discussion: "Of a job that waits also when it is expected to start, and what would make it start earlier.")

    @Argument(help: "The job, or a task of an array.") var job: String?
    @Flag(help: "Instead, say how well the starts of past jobs were predicted.") var calibration = false
    @Option(help: ArgumentHelp("With --calibration: the last so many jobs that waited.", valueName: "n")) var last = 50
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (job == nil) == calibration else { throw ValidationError("Name a job, or give --calibration.") }
    }

    func run() async throws {
        guard let job else { return try await calibrate() }
        let why: WhyView = try await Client().get("/jobs/\(taskID(job))/why")
        if json { return try printJSON(why) }
        print("Job \(why.job) is " + Terminal.coloured(why.state.rawValue, Terminal.colour(of: why.state)) + ".")
        for reason in why.reasons { show(reason) }
        if why.waitingTasks > 0, why.reasons.isEmpty { print("Nothing binds: it starts with the next plan.") }
        if why.waitingTasks > 0 { showProspect(of: why) }
        guard let decision = why.decision, let node = why.node else { return }
        if let predecessor = why.predecessor {
            print("On \(node) it was to take over what \(predecessor) held, as soon as all before it had ended.")
            print("  rules \(decision.policy), saw \(decision.saw)")
        } else {
            show(decision, node: node)
        }
    }

    private func show(_ reason: WhyView.Reason) {
        print("• " + reason.text)
        let width = reason.nodes.map(\.node.count).max() ?? 0
        for node in reason.nodes.prefix(20) {
            print(
                "    " + node.node + String(repeating: " ", count: width - node.node.count) + "  "
                    + node.short.joined(separator: "; "))
        }
        if reason.nodes.count > 20 { print("    … and \(reason.nodes.count - 20) more nodes (--json shows all)") }
        if let remedy = reason.remedy { print("  → " + remedy) }
    }

    // MARK: - What is to come

    private func showProspect(of why: WhyView) {
        if let priority = why.priority, let ahead = why.jobsAhead {
            print(
                "In line behind \(ahead.counted("job")): tier \(priority.tier), "
                    + "\(Self.two(priority.score)) from fair share \(Self.two(priority.fairShare)) and wait "
                    + Self.two(priority.wait) + Self.marks(of: priority) + ".")
        }
        if let start = why.predictedStart {
            let after = why.behind.map { ", when job \($0) ends" } ?? ""
            print("It is expected to start " + Terminal.coloured(Self.moment(start), .bold) + after + ".")
        } else if why.forecastIsCut {
            print("So much comes before it that no time can be told.")
        } else {
            print("Nothing that is known now lets it start within 30 days: something else has to change first.")
        }
        for (percent, band) in why.bands.sorted(by: { $0.key < $1.key }) {
            guard let from = band.from else { continue }
            print("    \(percent) % sure: \(Self.moment(from)) to \(band.to.map(Self.moment) ?? "beyond 30 days")")
        }
        if let outcomes = why.bandOutcomes, outcomes > 0 {
            print("    as it came out for the last \(outcomes.counted("job")) of which it was predicted")
        }
        guard !why.alternatives.isEmpty else { return }
        print("Submitted anew with one change, and if nobody else came, it would start")
        for other in why.alternatives { print("  → \(Self.moment(other.start)) with \(other.option)") }
        if let start = why.undisturbedStart { print("    \(Self.moment(start)) as it is") }
    }

    /// What else its place in line comes from.
    private static func marks(of priority: JobPriority) -> String {
        (priority.isOverdue ? ", overdue" : "") + (priority.isReturning ? ", returning" : "")
            + (priority.isBorrowing ? ", borrowing" : "")
    }

    /// With two decimals.
    private static func two(_ number: Double) -> String { String(format: "%.2f", number) }

    /// `now`, or the time.
    private static func moment(_ text: String) -> String {
        guard let time = Timestamp(text) else { return text }
        return time <= .now ? "now" : Terminal.time(text)
    }

    private func calibrate() async throws {
        let result: CalibrationView = try await Client().get("/calibration?jobs=\(last)", timeout: .hours(1))
        if json { return try printJSON(result) }
        guard result.jobs > 0 else { return print("No job has waited for more than a second yet.") }
        print("The last \(result.jobs.counted("job")) that waited, as they were predicted when they came:")
        for (percent, part) in result.coverage.sorted(by: { $0.key < $1.key }) {
            print("  \(Int((part * 100).rounded())) % started within their \(percent) % band")
        }
        if let error = result.medianErrorSeconds {
            print("  half of the predictions were off by \(Duration.seconds(error).text) or less")
        }
    }

    // MARK: - What was decided

    private func show(_ decision: Decision, node: String) {
        print(
            "It was placed on \(node): the best choice among \(decision.nodesConsidered.counted("node")), "
                + "with \(decision.jobsAhead.counted("kind")) of jobs looked at before it.")
        if let chosen = decision.chosen { print("  \(chosen.node): \(chosen.score.summary)") }
        if let runnerUp = decision.runnerUp { print("  next best, \(runnerUp.node): \(runnerUp.score.summary)") }
        for (reason, count) in decision.rejected.sorted(by: { $0.key < $1.key }) {
            print("  \(count.counted("node")) short of \(reason)")
        }
        print("  rules \(decision.policy), saw \(decision.saw)")
    }
}

extension PlacementScore {
    /// What the placement costs the others, for people.
    var summary: String {
        "\(coresLeft.counted("core")) and \(ByteCount.text(max(0, memoryLeftMiB) << 20)) left"
            + (fragmentation > 0 ? ", \(Double(fragmentation) / 1000) GPU stranded for the usual jobs" : "")
            + (unaskedDevices > 0 ? ", \(unaskedDevices.counted("device")) there that it does not use" : "")
            + (slowdown > 0 ? ", \(slowdown) % longer than on the fastest type" : "")
            + (secondsSaved.map {
                ", a warm slot of its pool, which saves \(AttributeValue.number(($0 * 10).rounded() / 10)) s"
            } ?? "")
    }
}
