import ArgumentParser
import BerthAPI
import BerthModel

struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say everything that keeps a job from running now, or why it was started where it was.")

    @Argument(help: "The job, or a task of an array.") var job: String
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let why: WhyView = try await Client().get("/jobs/\(taskID(job))/why")
        if json { return try printJSON(why) }
        print("Job \(why.job) is " + Terminal.coloured(why.state.rawValue, Terminal.colour(of: why.state)) + ".")
        for reason in why.reasons { show(reason) }
        if why.waitingTasks > 0, why.reasons.isEmpty { print("Nothing binds: it starts with the next plan.") }
        if let decision = why.decision, let node = why.node { show(decision, node: node) }
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

    private func show(_ decision: Decision, node: String) {
        print(
            "It was placed on \(node): the best choice among \(decision.nodesConsidered.counted("node")), "
                + "with \(decision.jobsAhead.counted("job")) looked at before it.")
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
        "on \(numaNodes.counted("NUMA node")), \(coresLeftNear.counted("core")) left beside it, \(coresLeft) on the node, "
            + "\(ByteCount.text(memoryLeftMiB << 20)) left"
            + (distantDevices > 0 ? ", \(distantDevices.counted("device")) far away" : "")
            + (unaskedDevices > 0 ? ", \(unaskedDevices.counted("device")) there that it does not use" : "")
    }
}
