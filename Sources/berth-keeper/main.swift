// berth-keeper DIRECTORY: starts the attempt that DIRECTORY/order describes, stays its parent, and writes down how it
// ends. berth-keeper --nursery ATTEMPTS: forks such a keeper for each directory in ATTEMPTS that is named on standard
// input. The only user of both is the agent; see docs/architecture.md.

import BerthKeeping
import Glibc

/// - Returns: nil where there is none to keep any more.
func directory() throws -> (path: String, isFromNursery: Bool)? {
    let words = CommandLine.arguments.dropFirst()
    switch (words.count, words.first) {
    case (1, let directory?): return (directory, false)
    case (2, "--nursery"):
        var nursery = try Nursery()
        return nursery.nextDirectory().map { ($0, true) }
    default:
        complain(
            "usage: berth-keeper DIRECTORY | --nursery ATTEMPTS\nThe agent starts it; it is not for use by hand.\n")
        exit(2)
    }
}

/// Keeps one attempt after the other.
func keepAll() throws {
    guard let first = try directory() else { return }
    var (directory, keptGroup) = (first.path, KeptGroup?.none)
    defer {
        keptGroup?.opened.group.clear(patience: 1000)
        KeeperHandle.leave(Keeper.agent)
    }
    while true {
        var keeper = try Keeper(directory: directory, keptGroup: keptGroup)
        let isFree = keeper.run(mayServeAgain: first.isFromNursery)
        keptGroup = keeper.keptGroup
        guard isFree, let next = Nursery.nextDirectory(for: Keeper.agent) else { return }
        directory = next
    }
}

do { try keepAll() } catch {
    complain("berth-keeper: \(error)\n")
    exit(1)
}
