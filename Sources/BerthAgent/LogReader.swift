import BerthExecution
import BerthModel
import BerthProtocol

/// Reads attempts' output for whoever asks the controller for it.
struct LogReader: Sendable {
    let execution: any Execution

    /// The part that is asked for, or, where nothing is there yet, what comes within the wait that is granted.
    func read(_ request: LogRequest) async -> LogPart {
        let own = execution.outputFile(of: request.attempt, isStandardError: request.isStandardError)
        let file = OutputFile(path: request.file ?? own)
        let deadline = ContinuousClock.now + min(request.wait, .seconds(30))
        while true {
            // Asked before the file is read: what ended before was written before.
            let mayWrite = execution.mayWrite(request.attempt)
            var part = OutputFile.Part(data: [], nextOffset: request.offset)
            do {
                // A path that a job names must not lead an agent that is root to what the job's user may not see.
                let owner = request.file == nil ? nil : try execution.owner(of: request.user)
                part = try FileOwner.run(as: owner) {
                    try file.part(
                        at: request.offset, limit: Int(min(request.limit, 1 << 20)), isCut: request.file == nil)
                }
            } catch {
                if !mayWrite { return LogPart(request: request.request, isAtEnd: true, problem: "\(error)") }
            }
            if !part.data.isEmpty || !mayWrite || ContinuousClock.now >= deadline {
                let isCut = part.nextOffset != request.offset + UInt64(part.data.count)
                return LogPart(
                    request: request.request, data: part.data, isAtEnd: part.data.isEmpty && !mayWrite,
                    nextOffset: isCut ? part.nextOffset : nil)
            }
            do { try await Task.sleep(for: .milliseconds(20)) } catch {
                return LogPart(request: request.request)
            }
        }
    }
}
