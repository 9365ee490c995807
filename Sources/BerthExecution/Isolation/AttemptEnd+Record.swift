package import BerthKeeping
package import BerthModel

extension AttemptEnd {
    /// As its keeper has recorded it.
    ///
    /// - Parameter memoryLimitBytes: what the attempt might use; nil where that was not bounded.
    package init(_ ended: KeeperRecord.Ended, memoryLimitBytes: Int64?) {
        let cause: Cause =
            switch ended.cause {
            case .exit: .exit
            case .signal: .signal
            case .outOfMemory: .outOfMemory
            case .timeLimit: .timeLimit
            case .stopped: .stopped
            }
        var sentences: [String] = []
        if cause == .outOfMemory { sentences.append(ended.memorySentence(limitBytes: memoryLimitBytes)) }
        if ended.suspendedMilliseconds > 0 {
            let tenths = ended.suspendedMilliseconds / 100
            sentences.append("The machine was suspended for \(tenths / 10).\(tenths % 10) s meanwhile.")
        }
        self.init(
            cause: cause, exitCode: ended.exitCode, signal: ended.signal,
            message: sentences.isEmpty ? nil : sentences.joined(separator: " "),
            endTime: Timestamp(microseconds: ended.endMicroseconds),
            usage: Usage(
                userCPUTime: .microseconds(ended.userCPUMicroseconds),
                systemCPUTime: .microseconds(ended.systemCPUMicroseconds), peakMemoryBytes: ended.peakMemoryBytes,
                readBytes: ended.readBytes, writtenBytes: ended.writtenBytes))
    }
}

extension KeeperRecord.Ended {
    /// Why there was not enough memory. The kernel also kills where the whole machine, or the group that the agent is in,
    /// has none left; then the attempt itself was within its bounds.
    fileprivate func memorySentence(limitBytes: Int64?) -> String {
        let used = ByteCount.text(peakMemoryBytes)
        guard let limitBytes else {
            return "The node ran out of memory while it used \(used) and had asked for none; ask with --memory."
        }
        // The kernel counts in batches of pages, so that the peak may stay a little below the limit.
        guard peakMemoryBytes >= limitBytes - limitBytes / 50 else {
            return "The node ran out of memory while it used \(used) of its \(ByteCount.text(limitBytes))."
        }
        return "It used all of its \(ByteCount.text(limitBytes)); ask for more with --memory."
    }
}
