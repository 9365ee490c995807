import ArgumentParser
import BerthAPI
import Foundation

struct Pools: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pools",
        abstract: "List the warm pools: their slots, how many jobs started in one, why others did not, what that saved."
    )

    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let pools: [PoolView] = try await Client().get("/pools")
        if listing.json { return try printJSON(pools) }
        var table = Table([
            "NAME", "NODE", "KIND", "IDLE", "BUSY", "SLOTS", "HITS", "MISSES", "HIT RATE", "SAVED", "WHY MISSED",
        ])
        for pool in pools {
            let starts = pool.hits + pool.misses
            let reasons = pool.missReasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            table.add([
                pool.name, pool.node, pool.kind, "\(pool.idle)", "\(pool.busy)", "\(pool.minimum)-\(pool.maximum)",
                "\(pool.hits)", "\(pool.misses)", starts > 0 ? "\(pool.hits * 100 / starts)%" : "-",
                String(format: "%.1fs", pool.secondsSaved),
                reasons.isEmpty ? "-" : reasons.map { "\($0.key) \($0.value)" }.joined(separator: ", "),
            ])
        }
        try table.print(format: listing.format)
    }
}
