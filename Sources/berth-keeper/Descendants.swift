import BerthKeeping
import CLinux
import Glibc

/// The processes below this one. Since it is a subreaper (prctl(2)), whatever the job leaves behind becomes its child,
/// however often it forked or changed its session.
enum Descendants {
    /// Bytes moved to and from storage.
    struct Transfers {
        var read: Int64 = 0
        var written: Int64 = 0
    }

    /// What an ended, not yet reaped process and the children it waited for have moved (/proc/PID/io, proc(5)).
    static func transfers(of process: pid_t) -> Transfers {
        var result = Transfers()
        let text = String(decoding: (try? readFile("/proc/\(process)/io", limit: 4096)) ?? [], as: UTF8.self)
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let number = Int64(parts[1]) else { continue }
            if parts[0] == "read_bytes:" { result.read = number }
            if parts[0] == "write_bytes:" { result.written = number }
        }
        return result
    }

    /// Ends and reaps all of them; returns when none is left. Who has no child left has no descendant: each has a parent,
    /// up to this process.
    ///
    /// - Returns: whether there was any.
    static func killAll(session: pid_t, in group: ControlGroup) -> Bool {
        var hasKilled = false
        while true {
            var result = berth_wait()
            let reaped = berth_wait_any(&result)
            if reaped > 0 { continue }
            if reaped < 0 { return hasKilled }  // ECHILD: nobody is left.
            hasKilled = true
            killOnce(session: session, in: group)
            usleep(1000)
        }
    }

    /// Kills all there are now: by their control group, from which none escapes, and without one the session's process
    /// group and every child; their children become ours and are met the next time.
    static func killOnce(session: pid_t, in group: ControlGroup) {
        guard group.places.isEmpty else { return group.kill() }
        Glibc.kill(-session, SIGKILL)
        let path = "/proc/self/task/\(getpid())/children"
        let text = String(decoding: (try? readFile(path, limit: 1 << 20)) ?? [], as: UTF8.self)
        for child in text.split(separator: " ").compactMap({ pid_t($0) }) {
            Glibc.kill(-child, SIGKILL)
            Glibc.kill(child, SIGKILL)
        }
    }
}
