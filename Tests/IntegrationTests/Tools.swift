import Foundation

/// Programs of this machine that some tests need; nil where they are not there.
enum Tools {
    static let python = path(of: "python3")
    static let sqlite = path(of: "sqlite3")
    static let git = path(of: "git")
    /// A Python with what `config/examples` needs.
    static let examplesPython = ProcessInfo.processInfo.environment["BERTH_EXAMPLES_PYTHON"].flatMap {
        $0.isEmpty ? nil : $0
    }
    static let canChangeUser = getuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0

    static func path(of program: String) -> String? {
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return (["/usr/bin"] + directories.map(String.init)).map { $0 + "/" + program }.first { access($0, X_OK) == 0 }
    }
}
