import CLinux
import Foundation

/// Another program that is asked something.
enum Subprogram {
    /// Runs a program found on the `PATH` and returns what it prints; nil where there is none or it fails.
    static func output(of arguments: [String]) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let candidates = path.split(separator: ":").map { $0 + "/" + (arguments.first ?? "") }
        guard let program = candidates.first(where: { access($0, X_OK) == 0 }) else { return nil }
        var ends: [Int32] = [-1, -1]
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0, berth_pipe(&ends) == 0 else { return nil }
        let words = arguments.map { (word: String) in strdup(word) }
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = berth_spawn(&process, program, nil, words + [nil], environ, null, ends[1], null)
        close(ends[1])
        close(null)
        let answer = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        guard code == 0 else { return nil }
        let data = (try? answer.readToEnd()) ?? Data()
        var status: Int32 = 0
        guard waitpid(process, &status, 0) == process, status == 0 else { return nil }
        return String(decoding: data, as: UTF8.self)
    }
}
