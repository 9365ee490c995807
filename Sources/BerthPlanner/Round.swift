public import BerthModel
import RealModule

/// What a plan looks at beside nodes, attempts and waiting jobs.
public struct PlanningFacts: Sendable {
    public var usage: UsageLedger
    public var runTimes: RunTimeKnowledge
    public var requests: RequestHistory
    public var warmSlots: WarmSlots

    public init(
        usage: UsageLedger = UsageLedger(), runTimes: RunTimeKnowledge = RunTimeKnowledge(),
        requests: RequestHistory = RequestHistory(), warmSlots: WarmSlots = WarmSlots()
    ) {
        self.usage = usage
        self.runTimes = runTimes
        self.requests = requests
        self.warmSlots = warmSlots
    }
}

/// One plan in the making.
struct Round {
    let now: Timestamp
    let facts: PlanningFacts
    let configuration: ClusterConfiguration
    var plan = Plan()
    /// What is kept free, by slot.
    var reserved: [Int: [Kept]] = [:]
    /// Whether some line comes before attempts that may be stopped.
    var mayPreempt = false
    var linesSeen = 0
    /// Jobs that could start, and wait for faster devices: in all, and by line. So many at the most, since each costs the
    /// next one some time; after that everybody takes what there is.
    var waitsForFaster = 0
    var waitsForFasterInLine: [Int: Int] = [:]
    static let mostWaitsForFaster = 32
    /// By the account's number.
    private var shares: [Double?] = []
    /// What all have used; nil until it is asked for.
    private var usage: (byProject: [String: Double], usersByProject: [String: Int], all: Double)?

    /// Room on a node that is kept free for a job.
    struct Kept {
        var start: Timestamp
        var end: Timestamp
        var fit: ShapeFit
    }

    init(now: Timestamp, facts: PlanningFacts, configuration: ClusterConfiguration) {
        self.now = now
        self.facts = facts
        self.configuration = configuration
    }

    mutating func priority(
        of job: WaitingJob, _ line: WaitingLines.Line, _ account: WaitingLines.Account, _ outlook: Outlook,
        _ holdings: Holdings
    ) -> JobPriority {
        let fairShare = fairShare(of: line.account, account)
        let waited = max(0, (now - job.submitTime).inSeconds)
        let patience = Patience.ordinarySeconds
        let toTurn = outlook.score.secondsToTurn(waitedSeconds: waited, patienceSeconds: patience)
        // 0 for a large job that has just come, a half at its turn.
        let wait = min(1, (1 - toTurn / patience) / 2)
        return JobPriority(
            tier: line.tier, isBorrowing: holdings.wouldBorrow(line.terms, configuration.planning),
            isOverdue: waited > patience, isReturning: line.terms.isReturning, fairShare: fairShare,
            wait: wait,
            score: configuration.planning.priority.fairShare * fairShare
                + configuration.planning.priority.wait * wait)
    }

    /// `2^(−u/s)` for the part `u` of all use that is the project's and the part `s` of the cluster that is meant for it,
    /// and so for the user within the project; two thirds of the one and one of the other.
    private mutating func fairShare(of number: Int, _ account: WaitingLines.Account) -> Double {
        if number < shares.count, let known = shares[number] { return known }
        let project = account.project
        let planning = configuration.planning
        let usage = self.usage ?? facts.usage.totals(at: now, halfLife: planning.fairShare.halfLife)
        self.usage = usage
        let weight = planning.fairShare.projectShares[project] ?? 1
        let weights = usage.byProject.keys.sorted().reduce(usage.byProject[project] == nil ? weight : 0) {
            $0 + (planning.fairShare.projectShares[$1] ?? 1)
        }
        let byProject = usage.byProject[project] ?? 0
        let projectPart = usage.all > 0 ? byProject / usage.all : 0
        let userPart =
            byProject > 0
            ? facts.usage.used(
                by: .user(account.user, project: project), at: now, halfLife: planning.fairShare.halfLife) / byProject
            : 0
        let users = Double(max(usage.usersByProject[project] ?? 1, 1))
        let factor =
            (2 * Double.exp2(-projectPart * weights / max(weight, 1e-9)) + Double.exp2(-userPart * users)) / 3
        if number >= shares.count { shares.append(contentsOf: repeatElement(nil, count: number + 1 - shares.count)) }
        shares[number] = factor
        return factor
    }

    /// Whether a task that starts at `start` and is expected to run until `end` leaves room for all that is kept free.
    func leavesRoom(_ fit: ShapeFit, on node: PlannedNode, from start: Timestamp, until end: Timestamp, slot: Int)
        -> Bool
    {
        guard let kept = reserved[slot] else { return true }
        let moments = [start] + kept.map(\.start).filter { $0 > start && $0 < end }
        return moments.allSatisfy { moment in
            var summary = node.releases.last(by: moment)
            for other in kept where other.start <= moment && moment < other.end {
                summary = other.fit.remainder(of: summary)
            }
            return fit.fits(summary)
        }
    }
}
