import ArgumentParser
import BerthAPI
import BerthModel

struct Queues: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues", abstract: "List the queues with their limits and what stands in them.")

    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let queues: [QueueView] = try await Client().get("/queues")
        if listing.json { return try printJSON(queues) }
        var table = Table([
            "NAME", "TIER", "DEFAULT", "PREEMPTIBLE", "RUNNING", "WAITING", "LIMIT", "PER USER", "MAX TIME", "NODES",
        ])
        for queue in queues {
            table.add([
                queue.name, "\(queue.tier)", queue.isDefault ? "yes" : "", queue.preemptible ? "yes" : "",
                "\(queue.running)",
                "\(queue.waiting)", queue.maximumRunning.map(String.init) ?? "-",
                queue.maximumRunningPerUser.map(String.init) ?? "-",
                queue.maximumTime.map { Duration.seconds($0).text } ?? "-", queue.nodes ?? "all",
            ])
        }
        try table.print(format: listing.format)
    }
}
