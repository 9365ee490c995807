import BerthModel

extension Job.Gang {
    /// How a gang's attempt has ended: as the member that failed first, or else, where it was told to end, as one that
    /// was; a success is one of all. What its members used is added up.
    ///
    /// - Precondition: all members have ended.
    func end(of attempt: Attempt) -> AttemptEnd {
        let ends = members.compactMap(\.end)
        let rank = failedRank ?? ends.firstIndex { !$0.isSuccess } ?? 0
        var result = ends[rank]
        if !result.isSuccess {
            let place = "Rank \(rank) on \(attempt.allocations[rank].node)"
            result.message = result.message.map { "\(place): \($0)" } ?? "\(place) ended first."
        }
        result.endTime = ends.map(\.endTime).max() ?? result.endTime
        result.usage = Usage(ends.compactMap(\.usage))
        // On a shared file system each member finds the same files.
        var known: Set<String> = []
        result.outputs = ends.flatMap(\.outputs).filter { known.insert($0.path).inserted }
        return result
    }
}

extension Usage {
    /// What several members used together; the largest of their peaks.
    fileprivate init?(_ parts: [Usage]) {
        guard var sum = parts.first else { return nil }
        for part in parts.dropFirst() {
            sum.userCPUTime += part.userCPUTime
            sum.systemCPUTime += part.systemCPUTime
            sum.peakMemoryBytes = max(sum.peakMemoryBytes, part.peakMemoryBytes)
            sum.readBytes += part.readBytes
            sum.writtenBytes += part.writtenBytes
            sum.gpuMemoryPeakBytes = [sum.gpuMemoryPeakBytes, part.gpuMemoryPeakBytes].compactMap { $0 }.max()
            if let joules = part.gpuEnergyJoules { sum.gpuEnergyJoules = (sum.gpuEnergyJoules ?? 0) + joules }
        }
        self = sum
    }
}
