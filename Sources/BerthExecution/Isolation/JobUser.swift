import BerthKeeping
import BerthModel
import Foundation
import Glibc
import Synchronization

/// The user that a job's processes are, where that is another than the agent's.
package struct JobUser: Hashable, Sendable {
    package var name: String
    package var id: uid_t
    package var group: gid_t
    package var furtherGroups: [gid_t]
    var home: String
    var shell: String

    /// For the keeper.
    var identity: LaunchOrder.User { LaunchOrder.User(id: id, group: group, groups: furtherGroups) }
    /// For what the agent itself does with the job's files.
    var owner: FileOwner { FileOwner(user: id, group: group, furtherGroups: furtherGroups) }

    /// What a login would set; a job's own variables win over these.
    package var variables: [String: String] { ["HOME": home, "USER": name, "LOGNAME": name, "SHELL": shell] }

    /// Gives a file or directory to this user; never follows a link in its place.
    func own(_ path: String) throws {
        guard lchown(path, id, group) == 0 else {
            throw ExecutionProblem("\(path) cannot be given to user \(name)", errno)
        }
    }

    /// Asks the system's user database (nsswitch.conf(5)), which may be a directory in the network: this blocks, for
    /// about 0.1 ms where it is a local file.
    ///
    /// - Parameter name: a name, or the number of a user who has none here.
    /// - Returns: nil where there is no such user.
    /// - Throws: where the database cannot be asked.
    package init?(named name: String) throws {
        guard let entry = try Self.entry(named: name) else { return nil }
        self.init(name: entry.name, id: entry.id, group: entry.group, home: entry.home, shell: entry.shell)
        furtherGroups = try Self.groups(of: entry.name, primary: entry.group)
    }

    init(
        name: String, id: uid_t, group: gid_t, furtherGroups: [gid_t] = [], home: String = "/",
        shell: String = "/bin/sh"
    ) {
        (self.name, self.id, self.group, self.furtherGroups) = (name, id, group, furtherGroups)
        (self.home, self.shell) = (home, shell)
    }

    /// A line of the user database.
    private struct Entry {
        var name: String
        var id: uid_t
        var group: gid_t
        var home: String
        var shell: String

        init(_ entry: passwd) {
            func text(_ pointer: UnsafeMutablePointer<CChar>?, or other: String) -> String {
                let text = pointer.map { String(cString: $0) } ?? ""
                return text.isEmpty ? other : text
            }
            name = text(entry.pw_name, or: "\(entry.pw_uid)")
            (id, group) = (entry.pw_uid, entry.pw_gid)
            home = text(entry.pw_dir, or: "/")
            shell = text(entry.pw_shell, or: "/bin/sh")
        }
    }

    private static func entry(named name: String) throws -> Entry? {
        let found = try ask(about: name) { entry, room, size, result in
            getpwnam_r(name, entry, room, size, result)
        }
        guard found == nil, let number = uid_t(name) else { return found }
        return try ask(about: name) { entry, room, size, result in
            getpwuid_r(number, entry, room, size, result)
        }
    }

    private static func ask(
        about name: String,
        _ call: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32
    ) throws -> Entry? {
        var size = 16 << 10
        while true {
            var entry = passwd()
            var result: UnsafeMutablePointer<passwd>?
            let room = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { room.deallocate() }
            switch call(&entry, room, size, &result) {
            case 0, ENOENT, ESRCH: return result == nil ? nil : Entry(entry)
            case EINTR: continue
            case ERANGE where size < 1 << 20: size *= 4
            case let code: throw ExecutionProblem("The user \"\(name)\" cannot be looked up", code, fault: .neither)
            }
        }
    }

    /// Without the primary one.
    private static func groups(of name: String, primary: gid_t) throws -> [gid_t] {
        // NGROUPS_MAX of limits.h: the kernel gives no process more.
        var count: Int32 = 65_536
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(name, primary, &groups, &count) >= 0 else {
            throw ExecutionProblem("The user \"\(name)\" is in more than 65,536 groups.")
        }
        return Set(groups.prefix(Int(count))).subtracting([primary]).sorted()
    }
}

/// As whom the jobs of a node run. Answers are kept for a few seconds, since the database may be far away and many jobs
/// come at once.
package final class JobUsers: Sendable {
    /// Whether a job may be root's.
    package let allowsRoot: Bool
    /// Whether the agent can be somebody else at all.
    package let isRoot: Bool
    private let known = Mutex<[String: (user: JobUser, until: ContinuousClock.Instant)]>([:])

    package init(allowsRoot: Bool, isRoot: Bool = getuid() == 0) {
        self.allowsRoot = allowsRoot
        self.isRoot = isRoot
    }

    /// - Returns: nil where the job is the agent's own user's.
    /// - Throws: a sentence, where it may not run here.
    package func user(of submitter: String) throws -> JobUser? {
        guard isRoot else { return nil }
        guard let user = try lookUp(submitter) else {
            throw ExecutionProblem(
                "This node has no user \"\(submitter)\", as whom the job is to run. Make one, or submit as another.")
        }
        guard user.id == 0 else { return user }
        guard allowsRoot else {
            throw ExecutionProblem(
                "Jobs do not run as root on this node. Submit as another user; an administrator can allow it with jobs: {allowRoot: true} in the agent's configuration."
            )
        }
        return nil
    }

    private func lookUp(_ name: String) throws -> JobUser? {
        let now = ContinuousClock.now
        if let known = known.withLock({ $0[name] }), known.until > now { return known.user }
        let found = try JobUser(named: name)
        known.withLock { known in
            known = known.filter { $0.value.until > now }
            known[name] = found.map { ($0, now + .seconds(5)) }
        }
        return found
    }
}
