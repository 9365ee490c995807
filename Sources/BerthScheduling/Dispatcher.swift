public import BerthModel
import BerthPlanner

/// The controller's mind: takes in what users and agents say, decides, and collects what is to be recorded and told.
/// Pure: the controller, the simulator and the chaos tests run this same value, each with a clock and a journal of its
/// own.
///
/// Whoever owns it works in rounds: let it take in everything that has arrived, call `settle(at:)`, make
/// `takeEvents()` durable, and only then send `takeMessages()` and answer.
public struct Dispatcher: Sendable {
    public private(set) var cluster: Cluster
    public let timing: Timing
    var planner: ClusterPlanner
    private var events: [ClusterEvent] = []
    private var messages: [Outgoing] = []
    /// Streams to agents. Not recorded: after a restart every agent opens a new one.
    var sessions: [NodeName: Session] = [:]
    /// Where attempts wait behind others, and when they have waited for too long.
    var successorWatch: SuccessorWatch
    /// What this round has brought that `History` does not know yet.
    var newSubmissions: [SubmissionKey: PastSubmission] = [:]
    var newlyEnded: [Job.ID: EndState] = [:]

    public struct Timing: Hashable, Sendable, Codable {
        /// An agent says something at least this often.
        public var heartbeatInterval: Duration
        /// A node that has been silent for so long is lost.
        public var lostAfter: Duration

        public init(heartbeatInterval: Duration = .seconds(5), lostAfter: Duration = .seconds(60)) {
            self.heartbeatInterval = heartbeatInterval
            self.lostAfter = lostAfter
        }
    }

    public struct Outgoing: Hashable, Sendable {
        public var node: NodeName
        public var session: UInt64
        public var message: ControllerMessage
    }

    struct Session: Sendable {
        /// nil until the node's agent has said hello to this controller.
        var number: UInt64?
        /// nil once the node is lost: only a hello on a newer stream counts then.
        var lastHeard: Timestamp?
        /// While a hello is taken in: when the node was last heard of before it.
        var heardBefore: Timestamp?
    }

    /// - Parameter now: when this controller took over; nodes get a full `lostAfter` from then on to be heard.
    public init(_ cluster: Cluster, timing: Timing = Timing(), at now: Timestamp) {
        self.cluster = cluster
        self.timing = timing
        planner = ClusterPlanner(cluster)
        successorWatch = SuccessorWatch(cluster, at: now)
        for node in cluster.nodes.values where node.isUp { sessions[node.name] = Session(number: nil, lastHeard: now) }
    }

    // MARK: - What came of it

    /// The events since the last call, in order.
    public mutating func takeEvents() -> [ClusterEvent] {
        defer { events = [] }
        return events
    }

    /// What to tell agents, once the events are durable.
    public mutating func takeMessages() -> [Outgoing] {
        newSubmissions = [:]
        newlyEnded = [:]
        defer { messages = [] }
        return messages
    }

    /// Makes an event true here; it counts for others once its owner has recorded it.
    mutating func record(_ event: ClusterEvent, at now: Timestamp) {
        do throws(IllegalTransition) {
            let job = event.job
            // The tally alone: a second holder of the job would make every change copy its tasks.
            let before = job.flatMap { cluster.jobs[$0]?.ended }
            planner.note(event, in: cluster)
            try cluster.apply(event, at: now)
            if let job, let before, cluster.jobs[job] == nil { newlyEnded[job] = before.state(after: event) }
            events.append(event)
        } catch {
            preconditionFailure("A decision broke the cluster's own rules: \(error)")
        }
    }

    mutating func send(_ message: ControllerMessage, to node: NodeName) {
        guard let session = sessions[node]?.number, sessions[node]?.lastHeard != nil else { return }
        messages.append(Outgoing(node: node, session: session, message: message))
    }

    // MARK: - Time

    /// Does what is due, plans, and collects the orders that follow. Call it once a round, after everything that
    /// arrived has been taken in.
    ///
    /// - Returns: when to call it again if nothing happens before.
    public mutating func settle(at now: Timestamp) -> Timestamp? {
        loseSilentNodes(at: now)
        var next = endHopelessJobs(at: now)
        var unlocks = true
        while unlocks {
            let plan = planner.plan(cluster, at: now)
            // Jobs that wait for these starts may start too; and what is kept free may lie elsewhere after them.
            unlocks =
                !plan.starts.isEmpty
                && (!plan.reservations.isEmpty
                    || plan.starts.contains { !cluster.dependents(of: $0.attempt.id.task.job).isEmpty })
            for start in plan.starts {
                record(.started(start.attempt, start.decision), at: now)
                sendStart(start.attempt)
            }
            for victim in plan.preemptions.flatMap(\.victims) {
                if let attempt = cluster.state(of: victim)?.attempt { stop(attempt, .preempted, by: "berth", at: now) }
            }
            if let time = plan.nextTime { next = min(next ?? time, time) }
            if !unlocks, let turn = plan.firstWaiting { unlocks = lineUpSuccessors(of: turn, at: now) }
        }
        if let time = recallOverdueSuccessors(at: now) { next = min(next ?? time, time) }
        for heard in sessions.values.compactMap(\.lastHeard) {
            let time = heard + timing.lostAfter
            next = min(next ?? time, time)
        }
        return next
    }

    private mutating func loseSilentNodes(at now: Timestamp) {
        for (name, session) in sessions.sorted(by: { $0.key < $1.key }) {
            guard let heard = session.lastHeard, heard + timing.lostAfter <= now else { continue }
            sessions[name]?.lastHeard = nil
            guard let node = cluster.nodes[name], node.isUp else { continue }
            var silent = AttemptEnd(
                cause: .nodeLost, message: "Node \(name) was not heard for \(timing.lostAfter.text).", endTime: now)
            silent.lastSeen = heard
            lose(node, silent, at: now)
        }
    }

    /// Ends jobs that can no longer start: their dependency failed, or their deadline has passed. What was started in
    /// time and waits for another attempt goes on.
    ///
    /// - Returns: the next deadline.
    private mutating func endHopelessJobs(at now: Timestamp) -> Timestamp? {
        planner.follow(cluster, at: now)
        let (overdue, next) = planner.takeOverdue(at: now)
        for id in overdue {
            guard let job = cluster.jobs[id], let deadline = job.specification.deadline, !job.untouched.isEmpty else {
                continue
            }
            let outcome = Outcome(
                state: .failed, reason: .policy, message: "It had not started by its deadline \(deadline).")
            record(.tasksEnded(job: id, tasks: job.untouched, outcome, by: "berth"), at: now)
        }
        // The end of one may leave others without hope.
        while let id = cluster.hopeless.min(), let job = cluster.jobs[id], let dependency = job.failedDependency {
            let outcome = Outcome(
                state: .failed, reason: .dependencyFailed,
                message: "Job \(dependency.job) ended without having \(dependency.condition.past).")
            record(.tasksEnded(job: id, tasks: IndexRanges(waitingTasks(of: job)), outcome, by: "berth"), at: now)
        }
        return next
    }
}

extension Job.Tally {
    /// How the job has ended, given the event that ended its last task.
    fileprivate func state(after event: ClusterEvent) -> EndState {
        var tally = self
        switch event {
        case .attemptEnded(_, _, then: .ended(let outcome)): tally.count(outcome.state, 1)
        case .tasksEnded(_, let tasks, let outcome, by: _): tally.count(outcome.state, tasks.count)
        default: break
        }
        return tally.state
    }
}
