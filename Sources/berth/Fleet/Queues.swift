import ArgumentParser
import BerthAPI
import BerthModel
import Foundation

struct Queues: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues",
        abstract: "List the queues with their limits and what stands in them, or the projects' shares and quotas.")

    @OptionGroup var listing: ListingOptions

    @Flag(help: "List the projects: their shares, what they used lately, what they hold, their quotas.")
    var shares = false

    func run() async throws { try await shares ? listProjects() : listQueues() }

    private func listQueues() async throws {
        let queues: [QueueView] = try await Client().get("/queues")
        if listing.json { return try printJSON(queues) }
        var table = Table([
            "NAME", "TIER", "DEFAULT", "PREEMPTIBLE", "RUNNING", "WAITING", "LIMIT", "PER USER", "PER PROJECT",
            "MIN RUN", "MAX TIME", "NODES",
        ])
        for queue in queues {
            table.add([
                queue.name, "\(queue.tier)", queue.isDefault ? "yes" : "", queue.preemptible ? "yes" : "",
                "\(queue.running)", "\(queue.waiting)", queue.maximumRunning.map(String.init) ?? "-",
                queue.maximumRunningPerUser.map(String.init) ?? "-",
                queue.maximumRunningPerProject.map(String.init) ?? "-",
                queue.minimumRunTime > 0 ? Duration.seconds(queue.minimumRunTime).text : "-",
                queue.maximumTime.map { Duration.seconds($0).text } ?? "-", queue.nodes ?? "all",
            ])
        }
        try table.print(format: listing.format)
    }

    private func listProjects() async throws {
        let projects: [ProjectView] = try await Client().get("/projects")
        if listing.json { return try printJSON(projects) }
        var table = Table([
            "PROJECT", "SHARE", "CORE-HOURS", "USED", "CORES", "GPUS", "QUOTA", "BORROWED", "LENDS", "BORROWS",
        ])
        for project in projects {
            table.add([
                project.project ?? "-", Self.number(project.share), String(format: "%.1f", project.usedCoreHours),
                String(format: "%.0f%%", project.usedPart * 100), "\(project.held.cores)",
                Self.number(project.held.gpus),
                project.quota.map { Self.text(cores: $0.cores, gpus: Double($0.gpus)) } ?? "-",
                project.borrowed.cores == 0 && project.borrowed.gpus == 0
                    ? "-" : Self.text(cores: project.borrowed.cores, gpus: project.borrowed.gpus),
                project.quota.map { $0.lends ? "yes" : "no" } ?? "-",
                project.quota.map { $0.borrows ? "yes" : "no" } ?? "-",
            ])
        }
        try table.print(format: listing.format)
    }

    /// `64 cores, 8 GPUs`; without GPUs their part is left out.
    private static func text(cores: Int, gpus: Double) -> String {
        cores.counted("core") + (gpus > 0 ? ", " + number(gpus) + (gpus == 1 ? " GPU" : " GPUs") : "")
    }

    /// As short as it can be: `2`, `0.5`.
    private static func number(_ value: Double) -> String { String(format: "%g", value) }
}
