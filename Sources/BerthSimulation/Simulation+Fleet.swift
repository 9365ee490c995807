import BerthModel
import BerthPlanner
import BerthScheduling

/// Streams, agents and nodes.
extension Simulation {
    mutating func send(_ message: SimulatedNetwork.Message, on session: UInt64, _ node: Int) {
        for time in network.arrivals(of: message, on: session, at: queue.now, using: &random) {
            queue.schedule(.arrives(message, session: session, node: node), at: time)
        }
    }

    mutating func arrives(_ message: SimulatedNetwork.Message, session: UInt64, node: Int) throws {
        guard network.delivers(message, on: session) else { return }
        switch message {
        case .toController(let said):
            controller?.take(.message(said, from: agents[node].registration.name, session: session))
            requestRound()
            if case .heartbeat = said { try checkStaleProcesses(on: node) }
        case .toAgent(let said):
            guard agents[node].session == session else { return }
            agents[node].take(said, at: queue.now, using: &random)
            try carryOut(effectsOf: node)
        case .end:
            guard agents[node].session == session else { return }
            agents[node].disconnect()
            connectSoon(node)
        }
    }

    mutating func carryOut(effectsOf node: Int) throws {
        let effects = agents[node].takeEffects()
        if let session = agents[node].session {
            for message in effects.messages { send(.toController(message), on: session, node) }
        }
        for (alarm, delay) in effects.alarms { queue.schedule(.alarm(alarm, node: node), after: delay) }
        try checkStarts(effects.begun, on: node)
    }

    // MARK: - Streams

    mutating func connectSoon(_ node: Int) {
        queue.schedule(.agentConnects(node), after: random.duration(.milliseconds(50) ... .seconds(2)))
    }

    mutating func connect(_ node: Int) {
        guard agents[node].isRunning, agents[node].session == nil else { return }
        guard controller != nil, !network.isCutOff(node) else {
            connectSoon(node)
            return
        }
        let session = nextSession
        nextSession += 1
        network.open(session, of: node, at: queue.now)
        agents[node].connect(session: session, heartbeatInterval: timing.heartbeatInterval, at: queue.now)
        let effects = agents[node].takeEffects()
        for message in effects.messages { send(.toController(message), on: session, node) }
        for (alarm, delay) in effects.alarms { queue.schedule(.alarm(alarm, node: node), after: delay) }
    }

    /// Ends a node's stream from the controller's side.
    mutating func closeStream(of node: Int) {
        guard let session = network.close(node) else { return }
        send(.end, on: session, node)
    }

    mutating func reconnect(_ node: Int) throws {
        for held in network.reconnect(node) { try arrives(held.message, session: held.session, node: node) }
    }

    mutating func startAgent(_ node: Int) throws {
        guard !agents[node].isRunning else { return }
        let mayDiffer = faults.contains(.changedNodes) && queue.now < faultsEnd
        agents[node].start(
            reservedCPUs: mayDiffer ? Int.random(in: 0...2, using: &random) : 0, at: queue.now, using: &random)
        try carryOut(effectsOf: node)
        connectSoon(node)
    }

    // MARK: - Faults

    mutating func scheduleNext(_ fault: Fault) {
        guard let interval = fault.interval else { return }
        let time = queue.now + random.duration(interval)
        if time < faultsEnd { queue.schedule(.strikes(fault), at: time) }
    }

    mutating func strike(_ fault: Fault) throws {
        scheduleNext(fault)
        let node = Int.random(in: agents.indices, using: &random)
        switch fault {
        case .controllerCrashes:
            guard controller != nil else { return }
            try crashController(isWritten: random.chance(0.5))
            queue.schedule(
                .controllerStarts,
                after: random.duration(random.chance(0.1) ? .seconds(90) ... .seconds(300) : .zero ... .seconds(30)))
        case .agentRestarts, .changedNodes:
            guard agents[node].isRunning else { return }
            agents[node].kill()
            if random.chance(0.8) { _ = network.close(node) }  // Or the controller does not learn of it.
            queue.schedule(.agentStarts(node), after: random.duration(.milliseconds(100) ... .seconds(40)))
        case .lostNodes:
            guard !network.isCutOff(node) else { return }
            network.cutOff(node)
            if random.chance(0.5) {
                agents[node].disconnect()
                connectSoon(node)
            }
            queue.schedule(
                .nodeReconnects(node),
                after: random.duration(
                    random.chance(0.5) ? .seconds(1) ... .seconds(60) : .seconds(60) ... .seconds(600)))
        case .nodeDeaths:
            guard agents[node].isPowered else { return }
            agents[node].powerOff(losingDisk: random.chance(0.25))
            queue.schedule(.agentStarts(node), after: random.duration(.seconds(20) ... .seconds(900)))
        case .keeperDeaths:
            agents[node].killKeeper(at: queue.now, using: &random)
            try carryOut(effectsOf: node)
        case .badNodes:
            agents[node].illness = ProcessFate.Illness.allCases.randomElement(using: &random)
            queue.schedule(.nodeRecovers(node), after: random.duration(.seconds(60) ... .seconds(1800)))
        case .clockJumps: clockError = random.duration(.seconds(-20) ... .seconds(20))
        case .lateMessages, .doubledMessages, .reorderedMessages, .failingProcesses, .slowCommits: break
        }
    }
}
