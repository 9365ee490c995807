/// A job of a cleaned log.
struct SWFJob: Hashable, Sendable {
    /// The log's number for it.
    var number: Int
    var submitSeconds: Int
    /// At least 1; what no policy sees before the job has ended.
    var runSeconds: Int
    /// At least `runSeconds`.
    var requestedSeconds: Int
    var width: Int
    var user: Int
}

extension SWFLog {
    /// How many jobs a published window has.
    static let windowLength = 1024
    /// Where the published windows begin, counted in jobs from 0.
    public static let publishedWindowStarts = [1981, 2756, 4299, 8850, 3316, 2714, 5228, 7762, 4022, 7085]

    /// The whole log by the protocol of Gaussier et al., in order of submission: incomplete jobs and those wider than
    /// the machine are left out, run times end at the request.
    func cleanedWhole() -> [SWFJob] {
        let jobs = records.compactMap { record -> SWFJob? in
            guard record.processorsUsed > 0, record.runSeconds > 0, record.requestedSeconds > 0,
                record.submitSeconds >= 0, max(record.processorsUsed, record.processorsRequested) <= processors
            else { return nil }
            return SWFJob(
                number: record.number, submitSeconds: record.submitSeconds,
                runSeconds: min(record.runSeconds, record.requestedSeconds), requestedSeconds: record.requestedSeconds,
                width: record.processorsRequested > 0 ? record.processorsRequested : record.processorsUsed,
                user: record.user)
        }
        return Self.inOrderOfSubmission(jobs)
    }

    /// The jobs of RLScheduler's windows, by number.
    func cleanedForWindows() throws(TraceError) -> [SWFJob] {
        var jobs: [SWFJob] = []
        for record in records where record.runSeconds != 0 {
            let run = record.runSeconds < 0 ? 10 : record.runSeconds
            let width = max(record.processorsUsed, record.processorsRequested)
            // The published programs would wait for ever here.
            guard (1...processors).contains(width) else { continue }
            let requested = record.requestedSeconds > 0 ? record.requestedSeconds : run
            jobs.append(
                SWFJob(
                    number: record.number, submitSeconds: record.submitSeconds, runSeconds: run,
                    requestedSeconds: requested, width: width, user: record.user))
        }
        guard jobs.count >= Self.windowLength else {
            throw TraceError(
                "The log has \(jobs.count) usable jobs; a window has \(Self.windowLength). Run all of it instead.")
        }
        return jobs.enumerated().sorted { ($0.element.number, $0.offset) < ($1.element.number, $1.offset) }
            .map(\.element)
    }

    static func inOrderOfSubmission(_ jobs: [SWFJob]) -> [SWFJob] {
        jobs.enumerated().sorted { ($0.element.submitSeconds, $0.offset) < ($1.element.submitSeconds, $1.offset) }
            .map(\.element)
    }
}
