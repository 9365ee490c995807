// berth-keeper DIRECTORY: starts the attempt that DIRECTORY/order describes, stays its parent, and writes down how it
// ends. berth-keeper --nursery ATTEMPTS: forks such a keeper for each directory in ATTEMPTS that is named on standard
// input. The only user of both is the agent; see docs/architecture.md.

import BerthKeeping
import Glibc

func directory() throws -> String? {
    let words = CommandLine.arguments.dropFirst()
    switch (words.count, words.first) {
    case (1, let directory): return directory
    case (2, "--nursery"):
        var nursery = try Nursery()
        return nursery.nextDirectory()
    default:
        complain(
            "usage: berth-keeper DIRECTORY | --nursery ATTEMPTS\nThe agent starts it; it is not for use by hand.\n")
        exit(2)
    }
}

do {
    if let directory = try directory() {
        var keeper = try Keeper(directory: directory)
        keeper.run()
    }
} catch {
    complain("berth-keeper: \(error)\n")
    exit(1)
}
