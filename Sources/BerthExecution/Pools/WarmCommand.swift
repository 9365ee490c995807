import BerthModel

/// Whether a job can be run by an interpreter that is already running.
enum WarmCommand {
    /// Read when an interpreter starts, but given to a running one by the fork server.
    private static let appliedVariables: Set = ["PYTHONPATH", "PYTHONUNBUFFERED"]

    /// - Returns: why it cannot; nil where it can.
    static func obstacle(to job: JobSpecification, interpreter: String) -> PoolUse.Miss? {
        guard job.script == nil, job.command.first == interpreter else { return .notPython }
        var words = job.command.dropFirst()
        if words.first == "-u" { words = words.dropFirst() }
        guard let word = words.first else { return .notPython }
        switch word {
        case "-m", "-c": guard words.count >= 2 else { return .notPython }
        case _ where word.hasPrefix("-"): return .notPython
        default: break
        }
        let needsOwnStart = job.environment.keys.contains { name in
            name.hasPrefix("LD_") || name.hasPrefix("PYTHON") && !appliedVariables.contains(name)
        }
        return needsOwnStart ? .needsOwnStart : nil
    }
}
