import BerthModel
import DequeModule

/// All waiting tasks, those with equal terms in one line, first come first served. The cost of a plan grows with the
/// number of lines, not with the number of jobs.
struct WaitingLines: Sendable {
    private(set) var lines: [Line] = []
    private var places: [WaitingTerms: Int] = [:]
    private var unused: [Int] = []
    private(set) var accounts: [Account] = []
    private var accountNumbers: [Account: Int] = [:]
    /// Where each job stands and how many of its tasks wait. A place in a line's deque counts only if it is here.
    private var standing: [Place: Standing] = [:]

    /// Whose use counts together.
    struct Account: Hashable, Sendable {
        var user: String
        var project: String
    }

    /// A job may stand in two lines: tasks that wait for the first time, and those that were preempted.
    private struct Place: Hashable {
        var job: Job.ID
        var isReturning: Bool
    }

    private struct Standing {
        var line: Int32
        var tasks: Int32
        var submitTime: Timestamp
    }

    /// A job's place in a line; it may have left since.
    fileprivate struct Entry: Comparable {
        var submitTime: Timestamp
        var job: Job.ID

        static func < (left: Self, right: Self) -> Bool {
            (left.submitTime, left.job) < (right.submitTime, right.job)
        }
    }

    struct Line: Sendable {
        let terms: WaitingTerms
        /// By place in `terms.shapes`; with what has been learned of their throughput where none is stated.
        fileprivate(set) var shapes: [Int]
        /// What was learned then is in them; nil where nothing is yet.
        fileprivate(set) var throughputEpoch: Int?
        /// The queue's tier, and the number of the account that its jobs' use counts for.
        let tier: Int
        let account: Int
        fileprivate var jobs: Deque<Entry> = []
        /// Jobs whose place counts.
        fileprivate(set) var jobCount = 0
        /// Its first job, where that is known.
        fileprivate var head: WaitingJob?
        /// What is believed about its jobs; nil until it is asked for.
        fileprivate(set) var outlook: Outlook?

        var isEmpty: Bool { jobCount == 0 }
    }

    /// Jobs that wait.
    var jobCount: Int { standing.count }

    /// Lines with jobs.
    var occupied: [Int] { lines.indices.filter { !lines[$0].isEmpty } }

    /// Puts a job's tasks in line, or changes how many of them wait; none takes it out.
    ///
    /// - Parameter shapes: the numbers of the terms' shapes.
    /// - Returns: whether a line begins, and the shapes of one that ends.
    mutating func put(_ job: WaitingJob, _ terms: WaitingTerms, tier: Int, shapes: [Int])
        -> (begun: Bool, ended: [Int]?)
    {
        let place = Place(job: job.id, isReturning: terms.isReturning)
        if let known = standing[place] {
            if job.tasks > 0, lines[Int(known.line)].terms == terms {
                standing[place]?.tasks = Int32(clamping: job.tasks)
                lines[Int(known.line)].head = nil
                return (false, nil)
            }
            let ended = remove(place)
            return (job.tasks > 0 && insert(job, place, terms, tier, shapes), ended)
        }
        return (job.tasks > 0 && insert(job, place, terms, tier, shapes), nil)
    }

    /// Takes a job out of both lines it may stand in.
    ///
    /// - Returns: the shapes of lines that end.
    mutating func withdraw(_ job: Job.ID) -> [[Int]] {
        [false, true].compactMap { remove(Place(job: job, isReturning: $0)) }
    }

    /// The job that is next in a line.
    ///
    /// - Complexity: O(1), plus the jobs before it that have left.
    mutating func first(of line: Int) -> WaitingJob? {
        if let known = lines[line].head { return known }
        lines[line].head = lookedUpFirst(of: line)
        return lines[line].head
    }

    private mutating func lookedUpFirst(of line: Int) -> WaitingJob? {
        while let entry = lines[line].jobs.first {
            if let job = job(at: entry, in: line) { return job }
            lines[line].jobs.removeFirst()
        }
        return nil
    }

    /// The job at a place of a line, if it still stands there.
    private func job(at entry: Entry, in line: Int) -> WaitingJob? {
        guard let standing = standing[Place(job: entry.job, isReturning: lines[line].terms.isReturning)],
            standing.line == line, standing.submitTime == entry.submitTime
        else { return nil }
        return WaitingJob(id: entry.job, submitTime: standing.submitTime, tasks: Int(standing.tasks))
    }

    /// One task of the line's first job has started.
    ///
    /// - Returns: whether the line has ended.
    mutating func startFirst(of line: Int) -> Bool {
        guard let job = first(of: line) else { return lines[line].isEmpty }
        let place = Place(job: job.id, isReturning: lines[line].terms.isReturning)
        guard job.tasks > 1 else { return remove(place) != nil }
        standing[place]?.tasks -= 1
        lines[line].head = nil
        return false
    }

    /// - Returns: the shapes that it had before.
    mutating func setShapes(_ shapes: [Int], of line: Int, epoch: Int) -> [Int] {
        defer {
            lines[line].shapes = shapes
            lines[line].throughputEpoch = epoch
        }
        return lines[line].shapes
    }

    mutating func setOutlook(_ outlook: Outlook, of line: Int) { lines[line].outlook = outlook }

    /// The jobs of a line, the next one first.
    func jobs(of line: Int) -> [WaitingJob] { lines[line].jobs.compactMap { job(at: $0, in: line) } }

    /// How many of a job's tasks stand in one of the two lines it may stand in.
    func tasks(of job: Job.ID, isReturning: Bool) -> Int {
        Int(standing[Place(job: job, isReturning: isReturning)]?.tasks ?? 0)
    }

    func line(of job: Job.ID) -> (line: Int, job: WaitingJob)? {
        for isReturning in [true, false] {
            guard let standing = standing[Place(job: job, isReturning: isReturning)] else { continue }
            return (
                Int(standing.line), WaitingJob(id: job, submitTime: standing.submitTime, tasks: Int(standing.tasks))
            )
        }
        return nil
    }

    /// - Returns: whether its line begins.
    private mutating func insert(_ job: WaitingJob, _ place: Place, _ terms: WaitingTerms, _ tier: Int, _ shapes: [Int])
        -> Bool
    {
        let (line, begun) = line(for: terms, tier, shapes)
        lines[line].head = nil
        standing[place] = Standing(
            line: Int32(clamping: line), tasks: Int32(clamping: job.tasks), submitTime: job.submitTime)
        // Nearly always the last; one that was held back goes where its submission puts it.
        let entry = Entry(submitTime: job.submitTime, job: job.id)
        var position = lines[line].jobs.count
        while position > 0, entry <= lines[line].jobs[position - 1] { position -= 1 }
        if position == lines[line].jobs.count || lines[line].jobs[position] != entry {
            lines[line].jobs.insert(entry, at: position)
        }
        lines[line].jobCount += 1
        return begun
    }

    private mutating func line(for terms: WaitingTerms, _ tier: Int, _ shapes: [Int]) -> (Int, begun: Bool) {
        if let known = places[terms] { return (known, lines[known].isEmpty) }
        let line = Line(terms: terms, shapes: shapes, tier: tier, account: account(of: terms))
        let place = unused.popLast() ?? lines.count
        if place == lines.count { lines.append(line) } else { lines[place] = line }
        places[terms] = place
        return (place, true)
    }

    private mutating func account(of terms: WaitingTerms) -> Int {
        let account = Account(user: terms.user, project: terms.project ?? "")
        if let known = accountNumbers[account] { return known }
        accountNumbers[account] = accounts.count
        accounts.append(account)
        return accounts.count - 1
    }

    /// - Returns: the line's shapes, where it has ended with this.
    private mutating func remove(_ place: Place) -> [Int]? {
        guard let known = standing.removeValue(forKey: place) else { return nil }
        let line = Int(known.line)
        lines[line].jobCount -= 1
        lines[line].head = nil
        guard lines[line].isEmpty else {
            dropPlaces(of: line)
            return nil
        }
        lines[line].jobs.removeAll()
        places[lines[line].terms] = nil
        unused.append(line)
        return lines[line].shapes
    }

    /// Forgets places that do not count once most do not; they would pile up behind a job that waits long.
    private mutating func dropPlaces(of line: Int) {
        guard lines[line].jobs.count > 2 * lines[line].jobCount + 64 else { return }
        lines[line].jobs = Deque(lines[line].jobs.filter { job(at: $0, in: line) != nil })
    }
}
