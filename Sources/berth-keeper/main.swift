// berth-keeper DIRECTORY: starts the attempt that DIRECTORY/order describes, stays its parent, and writes down how it
// ends. Its only user is the agent; see docs/architecture.md.

import BerthKeeping
import Glibc

guard CommandLine.arguments.count == 2 else {
    complain("usage: berth-keeper DIRECTORY\nThe agent starts it; it is not for use by hand.\n")
    exit(2)
}
do {
    var keeper = try Keeper(directory: CommandLine.arguments[1])
    keeper.run()
} catch {
    complain("berth-keeper: \(error)\n")
    exit(1)
}
