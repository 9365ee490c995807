import BerthPlanner

/// The machine of a log in virtual time: identical processors, nothing else, no preemption.
struct SWFPool: Sendable {
    let jobs: [SWFJob]
    let processors: Int
    private(set) var nowSeconds: Int
    /// Start by job, in the order of `jobs`; nil for one that waits.
    private(set) var starts: [Int?]
    /// Running jobs by the instant at which they are believed to end.
    private(set) var running: [Running] = []
    /// Running jobs by the instant at which they do end, the next one last.
    private var ends: [End] = []
    private var startCount = 0

    struct Running: Hashable, Sendable {
        var job: Int
        var believedEnd: Int
    }

    private struct End: Hashable, Sendable {
        var seconds: Int
        /// Ends of one instant come in the order of starting.
        var startIndex: Int
        var job: Int
    }

    init(_ jobs: [SWFJob], processors: Int) {
        self.jobs = jobs
        self.processors = processors
        nowSeconds = jobs.first?.submitSeconds ?? 0
        starts = Array(repeating: nil, count: jobs.count)
    }

    /// Processors free now; a job believed to end now counts as gone.
    var free: Int {
        var free = processors
        for entry in running.reversed() {
            if entry.believedEnd <= nowSeconds { break }
            free -= jobs[entry.job].width
        }
        return free
    }

    /// When the next job ends; nil while none runs.
    var nextEndSeconds: Int? { ends.last?.seconds }

    mutating func advance(to seconds: Int) { nowSeconds = seconds }

    mutating func start(_ job: Int, believedSeconds: Int) {
        starts[job] = nowSeconds
        let entry = Running(job: job, believedEnd: nowSeconds + believedSeconds)
        running.insert(entry, at: running.partitioningIndex { $0.believedEnd > entry.believedEnd })
        let end = End(seconds: nowSeconds + jobs[job].runSeconds, startIndex: startCount, job: job)
        startCount += 1
        let place = ends.partitioningIndex {
            ($0.seconds, $0.startIndex) < (end.seconds, end.startIndex)
        }
        ends.insert(end, at: place)
    }

    /// Takes the next job that ends off the machine, which is then at that instant.
    mutating func endNext() -> Int? {
        guard let end = ends.popLast() else { return nil }
        nowSeconds = end.seconds
        if let index = running.firstIndex(where: { $0.job == end.job }) { running.remove(at: index) }
        return end.job
    }

    /// What is free from now on if every running job ends when `end` says of it and its start.
    func profile(_ end: (_ job: Int, _ start: Int) -> Int) -> AvailabilityProfile {
        var profile = AvailabilityProfile(capacity: processors, from: nowSeconds)
        for entry in running where entry.believedEnd > nowSeconds {
            let end = end(entry.job, starts[entry.job] ?? nowSeconds)
            profile.reserve(jobs[entry.job].width, at: nowSeconds, for: end - nowSeconds)
        }
        return profile
    }
}

extension Array {
    /// The first index whose element is beyond: all before it are not.
    func partitioningIndex(where isBeyond: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBeyond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
