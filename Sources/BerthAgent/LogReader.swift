import BerthModel
import BerthProtocol
import Glibc

/// Reads attempts' output for whoever asks the controller for it.
struct LogReader: Sendable {
    let execution: any Execution

    /// The part that is asked for, or, where nothing is there yet, what comes within the wait that is granted.
    func read(_ request: LogRequest) async -> LogPart {
        let path = request.file ?? execution.outputFile(of: request.attempt, isStandardError: request.isStandardError)
        let deadline = ContinuousClock.now + min(request.wait, .seconds(30))
        while true {
            // Asked before the file is read: what ended before was written before.
            let mayWrite = execution.mayWrite(request.attempt)
            let data: [UInt8]
            switch Self.part(of: path, offset: request.offset, limit: min(request.limit, 1 << 20)) {
            case .success(let part): data = part
            case .failure(let problem):
                if !mayWrite { return LogPart(request: request.request, isAtEnd: true, problem: problem.description) }
                data = []
            }
            if !data.isEmpty || !mayWrite || ContinuousClock.now >= deadline {
                return LogPart(request: request.request, data: data, isAtEnd: data.isEmpty && !mayWrite)
            }
            do { try await Task.sleep(for: .milliseconds(20)) } catch {
                return LogPart(request: request.request)
            }
        }
    }

    private struct Problem: Error { let description: String }

    private static func part(of path: String, offset: UInt64, limit: UInt64) -> Result<[UInt8], Problem> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            return .failure(Problem(description: "\(path) cannot be read: \(String(cString: strerror(errno)))."))
        }
        defer { close(descriptor) }
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(limit)) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(clamping: offset)))
        }
        return .success(bytes)
    }
}
