import BerthExecution
import BerthKeeping
import BerthModel
import Glibc
import Testing

/// As whom jobs run, and what is said of how they ended.
@Suite struct JobUserTests {
    @Test func `an agent that is not root runs every job as itself`() throws {
        #expect(try JobUsers(allowsRoot: false, isRoot: false).user(of: "no-such-user") == nil)
    }

    @Test func `a user whom the node does not know is not run for`() {
        let error = #expect(throws: ExecutionProblem.self) {
            try JobUsers(allowsRoot: true, isRoot: true).user(of: "no-such-user")
        }
        #expect(error?.description.hasPrefix("This node has no user \"no-such-user\"") == true)
    }

    @Test(arguments: ["root", "0"]) func `root's jobs run only where that is allowed`(name: String) throws {
        let error = #expect(throws: ExecutionProblem.self) {
            try JobUsers(allowsRoot: false, isRoot: true).user(of: name)
        }
        #expect(error?.description.hasPrefix("Jobs do not run as root on this node.") == true)
        #expect(try JobUsers(allowsRoot: true, isRoot: true).user(of: name) == nil)
    }

    @Test func `a user is who the user database says`() throws {
        let name = try #require(getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) })
        let user = try #require(try JobUser(named: name))
        #expect(user.id == getuid())
        #expect(user.variables["USER"] == name)
        #expect(!user.furtherGroups.contains(user.group))
        #expect(try JobUser(named: "\(getuid())") == user)
    }

    @Test func `an end for want of memory says how much there was`() {
        func message(peak: Int64, limit: Int64?) -> String? {
            let ended = KeeperRecord.Ended(
                cause: .outOfMemory, signal: 9, endMicroseconds: 0, peakMemoryBytes: peak << 20)
            return AttemptEnd(ended, memoryLimitBytes: limit.map { $0 << 20 }).message
        }
        #expect(message(peak: 512, limit: 512) == "It used all of its 512 MiB; ask for more with --memory.")
        #expect(message(peak: 300, limit: 512) == "The node ran out of memory while it used 300 MiB of its 512 MiB.")
        #expect(message(peak: 300, limit: nil)?.hasSuffix("had asked for none; ask with --memory.") == true)
    }

    @Test func `a suspension of the machine is told with the end`() {
        let ended = KeeperRecord.Ended(cause: .exit, exitCode: 0, endMicroseconds: 0, suspendedMilliseconds: 3250)
        #expect(
            AttemptEnd(ended, memoryLimitBytes: nil).message == "The machine was suspended for 3.2 s meanwhile.")
    }
}
