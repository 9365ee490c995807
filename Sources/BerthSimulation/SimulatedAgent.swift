package import BerthModel

/// A node with its agent, its disk and its processes. The agent keeps the real ledger; processes outlive it, as they do
/// under keepers, and only the node takes them along.
package struct SimulatedAgent: Sendable {
    package private(set) var registration: NodeRegistration
    package private(set) var ledger = AttemptLedger()
    /// What runs on the node, whether its agent does or not.
    package private(set) var processes: [AttemptID: Process] = [:]
    package private(set) var isPowered = true
    package private(set) var isRunning = true
    /// Its stream to the controller, and since when it has it.
    package private(set) var session: UInt64?
    package private(set) var connectedTime: Timestamp?
    /// What is wrong with the node.
    package var illness: ProcessFate.Illness?
    private let mayFail: Bool
    private var attempts: [AttemptID: Kept] = [:]
    /// Told to end before there was a process.
    private var stopped: Set<AttemptID> = []
    /// Counts the agent's starts: alarms from before the last one are void.
    private var life = 0
    private var lastProcess = 0
    private var effects = Effects()

    package struct Process: Sendable {
        package var number: Int
        package var attempt: Attempt
    }

    /// An attempt's directory.
    private struct Kept: Sendable {
        var order: AttemptOrder
        var phase: AttemptStatus.Phase
        /// Whether an agent that starts now would find it.
        var isOnDisk: Bool
    }

    /// What is to come back to the agent later.
    package enum Alarm: Sendable {
        case launch(AttemptID, life: Int)
        case end(AttemptID, process: Int, ProcessFate.Ending)
        case report(AttemptID, process: Int)
        case heartbeat(session: UInt64)
    }

    /// What a step led to outside.
    package struct Effects: Sendable {
        package var messages: [AgentMessage] = []
        package var alarms: [(alarm: Alarm, delay: Duration)] = []
        /// Processes that have begun.
        package var begun: [Attempt] = []
    }

    package init(_ registration: NodeRegistration, mayFail: Bool) {
        self.registration = registration
        self.mayFail = mayFail
    }

    package mutating func takeEffects() -> Effects {
        defer { effects = Effects() }
        return effects
    }

    private mutating func tell(_ message: AgentMessage) {
        if session != nil { effects.messages.append(message) }  // Without a stream it is lost; hello will say it.
    }

    // MARK: - The stream

    package mutating func connect(session: UInt64, heartbeatInterval: Duration, at now: Timestamp) {
        self.session = session
        connectedTime = now
        tell(.hello(registration, ledger.statuses))
        effects.alarms.append((.heartbeat(session: session), heartbeatInterval))
    }

    package mutating func disconnect() {
        session = nil
        connectedTime = nil
    }

    package mutating func take(_ message: ControllerMessage, at now: Timestamp, using random: inout SeededGenerator) {
        switch message {
        case .start(let order):
            let acceptance = ledger.accept(order)
            guard acceptance != .isKnown else { return }
            // Of those that wait nothing is kept that a later agent would begin.
            let isOnDisk = acceptance == .begins && random.chance(0.5)
            attempts[order.attempt.id] = Kept(order: order, phase: .ordered, isOnDisk: isOnDisk)
            if acceptance == .begins { launchSoon(order, using: &random) }
        case .stop(let attempt, let fence, let reason):
            switch ledger.stop(attempt, fence: fence, reason, at: now) {
            case .stopsProcess: stop(attempt, reason, using: &random)
            case .reports(let status):
                attempts[attempt]?.phase = status.phase
                tell(.update(status))
                launchDue(using: &random)
            case .changesNothing: break
            }
        case .acknowledge(let attempt, let fence):
            ledger.acknowledge(attempt, fence: fence)
            if ledger.status(of: attempt) == nil { attempts[attempt] = nil }
        }
    }

    private mutating func launchSoon(_ order: AttemptOrder, using random: inout SeededGenerator) {
        effects.alarms.append(
            (.launch(order.attempt.id, life: life), random.duration(.milliseconds(5) ... .seconds(2))))
    }

    private mutating func launchDue(using random: inout SeededGenerator) {
        for order in ledger.takeDue() { launchSoon(order, using: &random) }
    }

    private mutating func stop(_ attempt: AttemptID, _ reason: StopReason, using random: inout SeededGenerator) {
        guard let process = processes[attempt] else {
            stopped.insert(attempt)
            return
        }
        let grace = attempts[attempt]?.order.grace(for: reason) ?? AttemptOrder.defaultGrace
        effects.alarms.append(
            (.end(attempt, process: process.number, .stopped), random.duration(.zero...grace)))
    }

    // MARK: - Alarms

    package mutating func take(
        _ alarm: Alarm, heartbeatInterval: Duration, at now: Timestamp, using random: inout SeededGenerator
    ) {
        switch alarm {
        case .launch(let attempt, let life): if life == self.life { launch(attempt, at: now, using: &random) }
        case .end(let attempt, let process, let ending):
            end(attempt, process: process, ending, at: now)
            launchDue(using: &random)
        case .report(let attempt, let process):
            guard isRunning, processes[attempt]?.number == process, let fence = ledger.status(of: attempt)?.fence else {
                return
            }
            tell(.report(attempt: attempt, fence: fence, Report(time: now, progress: 0.5)))
        case .heartbeat(let session):
            guard self.session == session else { return }
            tell(.heartbeat)
            effects.alarms.append((alarm, heartbeatInterval))
        }
    }

    private mutating func launch(_ id: AttemptID, at now: Timestamp, using random: inout SeededGenerator) {
        guard isRunning, let kept = attempts[id], case .ordered = kept.phase else { return }
        attempts[id]?.isOnDisk = true
        guard !stopped.contains(id) else {
            record(AttemptEnd(cause: .stopped, endTime: now), of: id)
            launchDue(using: &random)
            return
        }
        defer { launchDue(using: &random) }
        switch ProcessFate.random(for: kept.order, mayFail: mayFail, illness, using: &random) {
        case .launchFails(let fault):
            record(AttemptEnd(cause: .launchFailed, exitCode: 127, endTime: now, fault: fault), of: id)
        case .isRefused: record(AttemptEnd(cause: .refused, endTime: now), of: id)
        case .runs(let length, let ending):
            lastProcess += 1
            let attempt = kept.order.attempt
            processes[id] = Process(number: lastProcess, attempt: attempt)
            effects.begun.append(attempt)
            let allocation = attempt.allocation(on: registration.name) ?? attempt.allocation
            var bound = Binding(cpus: allocation.cpus, devices: allocation.devices.map(\.name))
            if illness == .bindsWrong { bound.differs = true }
            let launch = Launch(startTime: now, processID: lastProcess, bound: bound)
            attempts[id]?.phase = .running(launch)
            if let status = ledger.record(launch, of: id) { tell(.update(status)) }
            effects.alarms.append((.end(id, process: lastProcess, ending), length))
            if random.chance(0.2) { effects.alarms.append((.report(id, process: lastProcess), length / 2)) }
        }
    }

    private mutating func end(_ id: AttemptID, process: Int, _ ending: ProcessFate.Ending, at now: Timestamp) {
        guard processes[id]?.number == process else { return }
        processes[id] = nil
        record(
            AttemptEnd(cause: ending.cause, exitCode: ending.exitCode, signal: ending.signal, endTime: now), of: id)
    }

    /// Kills the keeper of one of the attempts that run here, drawn at random, and what it keeps; the agent finds out.
    package mutating func killKeeper(at now: Timestamp, using random: inout SeededGenerator) {
        guard isRunning, let id = processes.keys.sorted().randomElement(using: &random) else { return }
        processes[id] = nil
        record(AttemptEnd(cause: .nodeLost, message: "Its keeper was killed.", endTime: now), of: id)
        launchDue(using: &random)
    }

    /// The keeper writes it down; the agent tells it, if there is one.
    private mutating func record(_ end: AttemptEnd, of id: AttemptID) {
        if let kept = attempts[id] { attempts[id]?.phase = kept.phase.ended(end) }
        stopped.remove(id)
        if isRunning, let status = ledger.record(end, of: id) { tell(.update(status)) }
    }

    // MARK: - Ends and starts

    /// Ends the agent; its processes go on.
    package mutating func kill() {
        isRunning = false
        disconnect()
        ledger = AttemptLedger()
        stopped = []
        attempts = attempts.filter(\.value.isOnDisk)
    }

    /// Switches the node off.
    package mutating func powerOff(losingDisk: Bool) {
        kill()
        isPowered = false
        processes = [:]
        if losingDisk { attempts = [:] }
    }

    /// Starts the agent, on a node that is switched on again if it was not. It takes over what it finds.
    package mutating func start(reservedCPUs: Int, at now: Timestamp, using random: inout SeededGenerator) {
        isPowered = true
        isRunning = true
        life += 1
        registration.reservedCPUs = reservedCPUs
        for (id, kept) in attempts.sorted(by: { $0.key < $1.key }) {
            switch kept.phase {
            case .ordered:
                effects.alarms.append((.launch(id, life: life), random.duration(.milliseconds(5) ... .seconds(2))))
            case .running where processes[id] == nil:
                attempts[id]?.phase = kept.phase.ended(AttemptEnd(cause: .nodeLost, endTime: now))
            case .running, .ended: break
            }
        }
        ledger = AttemptLedger(
            attempts.map { AttemptStatus(attempt: $0, fence: $1.order.attempt.fence, phase: $1.phase) })
    }
}

extension AttemptStatus.Phase {
    fileprivate func ended(_ end: AttemptEnd) -> Self {
        if case .running(let launch) = self { .ended(end, launch: launch) } else { .ended(end, launch: nil) }
    }
}
