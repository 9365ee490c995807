import Foundation

/// The processes of this machine, as `/proc` shows them.
enum Processes {
    /// Those that work for an installation: daemons and commands that were given a state directory in its folder, keepers
    /// of its attempts, and jobs, also those that have left their session. The folder's name is never used twice, so
    /// nobody else's are among them.
    static func working(in folder: String) -> [pid_t] {
        let places = ([folder] + attemptDirectories(of: folder)).map { $0 + "/" }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { $0 != getpid() && works($0, in: places) }
    }

    /// Where the agents of an installation keep their attempts, if that is outside its folder: each of its state
    /// directories has a link to such a place.
    static func attemptDirectories(of folder: String) -> [String] {
        let files = FileManager.default
        let directories = (try? files.contentsOfDirectory(atPath: folder)) ?? []
        return directories.compactMap { try? files.destinationOfSymbolicLink(atPath: "\(folder)/\($0)/attempts") }
    }

    private static func works(_ process: pid_t, in places: [String]) -> Bool {
        let arguments = read("/proc/\(process)/cmdline").split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        let program = arguments.first?.split(separator: "/").last
        if program == "berth" || program == "berth-keeper" {
            let given = arguments.dropFirst().contains { argument in
                places.contains { (argument + "/").hasPrefix($0) }
            }
            if given { return true }
        }
        return variables(of: process).contains { variable in
            places.contains { variable.hasPrefix("BERTH_SOCKET=" + $0) || variable.hasPrefix("BERTH_STATE_DIR=" + $0) }
        }
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

    /// Kills those of an installation, and those that they start meanwhile.
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
