import Foundation

/// The processes of this machine, as `/proc` shows them.
enum Processes {
    /// Those that work for a state directory: daemons and commands that were given it, keepers of its attempts, and jobs,
    /// also those that have left their session. A folder's name is never used twice, so nobody else's are among them.
    static func working(in folder: String) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { $0 != getpid() && works($0, in: folder) }
    }

    private static func works(_ process: pid_t, in folder: String) -> Bool {
        let arguments = read("/proc/\(process)/cmdline").split(separator: 0)
        let program = arguments.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let place = Array((folder + "/").utf8)
        if program.hasSuffix("berth-keeper") || program.hasSuffix("berth") {
            return arguments.dropFirst().contains { $0.starts(with: place) }
                || variables(of: process).contains { $0.starts(with: "BERTH_STATE_DIR=\(folder)/") }
        }
        return variables(of: process).contains { $0.starts(with: "BERTH_SOCKET=\(folder)/") }
    }

    private static func variables(of process: pid_t) -> [String] {
        read("/proc/\(process)/environ").split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether it runs; a zombie does not.
    static func isAlive(_ process: pid_t) -> Bool {
        let status = String(decoding: read("/proc/\(process)/stat"), as: UTF8.self)
        guard let end = status.lastIndex(of: ")") else { return false }
        return !["Z", "X"].contains(String(status[end...].dropFirst(2).prefix(1)))
    }

    /// Kills those of a folder, and those that they start meanwhile.
    static func end(in folder: String) {
        let isClear = holds(within: 20) {
            let left = working(in: folder)
            for process in left { kill(process, SIGKILL) }
            return left.isEmpty
        }
        if !isClear { FileHandle.standardError.write(Data("Processes of \(folder) cannot be ended.\n".utf8)) }
    }

    private static func read(_ path: String) -> Data {
        guard let handle = FileHandle(forReadingAtPath: path) else { return Data() }
        defer { try? handle.close() }
        return (try? handle.readToEnd()) ?? Data()
    }
}
