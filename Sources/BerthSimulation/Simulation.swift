public import BerthModel
public import BerthScheduling

/// A cluster's life in virtual time, drawn from one seed: users, a controller, agents and what goes wrong between them.
/// The dispatcher and the agents' ledgers are the real ones. Every promise is checked at every step that could break
/// it; the same arguments give the same life, in this process or in another.
public struct Simulation: Sendable {
    public let seed: UInt64
    public internal(set) var journal = SimulatedJournal()
    let faults: Set<Fault>
    let timing: Dispatcher.Timing
    var random: SeededGenerator
    var queue = EventQueue<Happening>(startingAt: .epoch + .seconds(86_400))
    /// How far the controller's clock is ahead.
    var clockError = Duration.zero
    /// nil while it is down.
    var controller: SimulatedController?
    /// Counts the controller's starts: what an earlier one had in mind is void.
    var controllerLife = 0
    /// Rounds so far, and whether the next one is about to begin.
    var rounds = 0
    var isRoundRequested = false
    var nextSession: UInt64 = 1
    var agents: [SimulatedAgent]
    var network: SimulatedNetwork
    var users = SimulatedUsers()
    private var workload = RandomWorkload()
    /// What the durable events add up to so far, and what they promise.
    var recorded = Cluster()
    var chronicle = Chronicle()
    /// Since when a process is known to be given up.
    private var staleSince: [UInt64: Timestamp] = [:]
    /// No faults from then on.
    let faultsEnd: Timestamp

    enum Happening: Sendable {
        case ask(ticket: Int)
        case newSubmission
        case intervention
        case round(life: Int)
        case timer(life: Int, round: Int)
        case committed(life: Int)
        case controllerStarts
        case arrives(SimulatedNetwork.Message, session: UInt64, node: Int)
        case agentConnects(Int)
        case alarm(SimulatedAgent.Alarm, node: Int)
        case agentStarts(Int)
        case nodeReconnects(Int)
        case strikes(Fault)
        case nodeRecovers(Int)
    }

    /// - Parameters:
    ///   - jobs: submissions; some hold several jobs, some are arrays.
    ///   - nodes: machines of a synthetic fleet.
    ///   - faults: what goes wrong while users submit and an hour more.
    ///   - workingTime: how long users submit.
    public init(
        seed: UInt64, jobs: Int, nodes: Int = 4, faults: Set<Fault> = [], workingTime: Duration = .seconds(7200),
        timing: Dispatcher.Timing = .init(heartbeatInterval: .seconds(20), lostAfter: .seconds(90))
    ) {
        self.seed = seed
        self.faults = faults
        self.timing = timing
        random = SeededGenerator(seed: seed)
        network = SimulatedNetwork(faults: faults)
        agents = (0..<nodes).map {
            SimulatedAgent(SyntheticFleet.registration($0), mayFail: faults.contains(.failingProcesses))
        }
        faultsEnd = queue.now + workingTime + .seconds(3600)
        queue.schedule(.controllerStarts, at: queue.now)
        for node in agents.indices {
            queue.schedule(.agentConnects(node), after: random.duration(.zero ... .seconds(5)))
        }
        for _ in 0..<jobs {
            queue.schedule(.newSubmission, after: random.duration(.seconds(5)...workingTime))
            if random.chance(0.4) {
                queue.schedule(.intervention, after: random.duration(.seconds(5)...workingTime))
            }
        }
        for fault in Fault.allCases where faults.contains(fault) { scheduleNext(fault) }
    }

    // MARK: - What came of it

    /// The cluster as its controller sees it, or while that is down, as the journal does.
    public var cluster: Cluster { controller?.dispatcher.cluster ?? recorded }
    public var time: Timestamp { queue.now }

    /// The cluster that the journal's durable events add up to.
    public func replayed() throws -> Cluster { try journal.replay() }

    // MARK: - Time

    /// Lets time pass, or as much of it as something is left to happen in beside heartbeats.
    ///
    /// - Throws: a `SimulationFailure` at the first promise that does not hold.
    public mutating func run(for duration: Duration) throws(SimulationFailure) {
        let end = queue.now + duration
        do {
            while !isAtRest, let happening = queue.next(until: end) { try take(happening) }
            try checkReplay()
        } catch let broken as BrokenPromise {
            throw SimulationFailure(seed: seed, time: queue.now, problem: broken.description)
        } catch {
            throw SimulationFailure(seed: seed, time: queue.now, problem: "\(error)")
        }
    }

    /// Whether faults and users are done and nothing runs, waits or is on its way.
    public var isAtRest: Bool {
        queue.now > faultsEnd && recorded.jobs.isEmpty && !users.hasOpenRequests
            && controller.map { !$0.hasRequests && !$0.isCommitting && $0.dispatcher.cluster == recorded } ?? false
            && agents.allSatisfy { $0.ledger.statuses.isEmpty && $0.processes.isEmpty && $0.session != nil }
            && recorded.nodes.values.allSatisfy { $0.given.isEmpty && $0.isUp }
    }

    /// Holds what is left against what must be left when all has had its time.
    public func checkRest() throws {
        do {
            try everythingIsOver(in: cluster)
            try BrokenPromise.unless(
                plan(cluster, at: time).reservations.isEmpty, "all is free in the end", "the plan still reserves")
            try everyLedgerIsEmpty(among: agents)
            try users.nothingAcknowledgedIsLost(in: journal)
        } catch {
            throw SimulationFailure(seed: seed, time: queue.now, problem: error.description)
        }
    }

    private mutating func take(_ happening: Happening) throws {
        switch happening {
        case .ask(let ticket): ask(ticket)
        case .newSubmission:
            let request = workload.submission(known: users.knownJobs, at: queue.now, using: &random)
            want(.submit(request), by: request.user)
        case .intervention:
            let nodes = agents.map(\.registration.name)
            guard let action = workload.intervention(known: users.knownJobs, nodes: nodes, using: &random) else {
                return
            }
            want(action, by: "operator")
        case .round(let life): if life == controllerLife { try workRound() }
        case .timer(let life, let round): if life == controllerLife, round == rounds { requestRound() }
        case .committed(let life): if life == controllerLife { try finishRound() }
        case .controllerStarts: try startController()
        case .arrives(let message, let session, let node): try arrives(message, session: session, node: node)
        case .agentConnects(let node): connect(node)
        case .alarm(let alarm, let node):
            agents[node].take(
                alarm, heartbeatInterval: timing.heartbeatInterval, at: queue.now, using: &random)
            try carryOut(effectsOf: node)
        case .agentStarts(let node): try startAgent(node)
        case .nodeReconnects(let node): try reconnect(node)
        case .strikes(let fault): try strike(fault)
        case .nodeRecovers(let node): agents[node].illness = nil
        }
    }

    // MARK: - Users

    mutating func want(_ action: UserAction, by user: String, after delay: Duration = .zero) {
        let ticket = users.want(action, by: user)
        queue.schedule(.ask(ticket: ticket), after: delay)
        if case .submit = action, faults.contains(.doubledMessages), random.chance(0.2) {
            queue.schedule(.ask(ticket: ticket), after: random.duration(.zero ... .seconds(30)))
        }
    }

    private mutating func ask(_ ticket: Int) {
        guard controller != nil else {
            queue.schedule(.ask(ticket: ticket), after: random.duration(.seconds(1) ... .seconds(10)))
            return
        }
        users.asked(ticket)
        let request = users[ticket]
        controller?.take(.action(request.action, by: request.user, ticket: ticket))
        requestRound()
    }

    mutating func answer(_ reply: SimulatedController.Reply) throws {
        for next in try users.take(reply, using: &random) {
            let ticket = users.want(
                next.request.action, by: next.request.user, mustBeRefused: next.request.mustBeRefused)
            queue.schedule(.ask(ticket: ticket), after: next.delay)
        }
    }

    // MARK: - Promises

    func checkCluster() throws {
        guard let controller else { return }
        let cluster = controller.dispatcher.cluster
        try nothingIsGivenTwice(in: cluster)
        try freeAndGivenAddUp(in: cluster)
        try liveAttemptsHoldTheirResources(in: cluster)
        try everyWaitingJobIsInLine(in: cluster)
        if rounds % 8 == 0 { try everyWaitHasAReason(in: cluster, at: controllerTime) }
    }

    func checkReplay() throws {
        try BrokenPromise.unless(
            try replayed() == recorded, "the journal rebuilds the cluster", "\(journal.events.count) events")
        guard let controller, !controller.isCommitting else { return }
        try BrokenPromise.unless(
            controller.dispatcher.cluster == recorded, "what is true is recorded",
            "the controller believes something else than its journal says")
    }

    func checkStarts(_ begun: [Attempt], on node: Int) throws {
        for attempt in begun {
            try BrokenPromise.unless(
                chronicle.hasStarted(attempt.id), "only what is recorded starts", "\(attempt.id) began")
            try noTaskRunsTwice(attempt, among: agents, in: recorded)
        }
        if !begun.isEmpty { try noHardwareIsShared(on: agents[node]) }
    }

    /// What was given up does not go on where its node can be told: not past a stop, a round and a message each way,
    /// even if all of them are late.
    mutating func checkStaleProcesses(on node: Int) throws {
        let limit = Duration.seconds(480)
        for (id, process) in agents[node].processes.sorted(by: { $0.key < $1.key }) {
            let fence = process.attempt.fence
            guard let connected = agents[node].connectedTime, !network.isCutOff(node),
                !chronicle.isLive(process.attempt)
            else {
                staleSince[fence] = nil
                continue
            }
            let since = max(staleSince[fence] ?? queue.now, connected)
            staleSince[fence] = since
            try BrokenPromise.unless(
                queue.now - since < limit, "what was given up is stopped", "\(id) lives since \(since)")
        }
    }

    func place(of name: NodeName) -> Int? { agents.firstIndex { $0.registration.name == name } }
}
