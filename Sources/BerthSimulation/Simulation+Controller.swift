import BerthModel
import BerthPlanner
import BerthScheduling

/// The controller's rounds, its end and its start.
extension Simulation {
    /// What its clock shows.
    var controllerTime: Timestamp { queue.now + clockError }

    mutating func requestRound() {
        guard let controller, !controller.isCommitting, !isRoundRequested else { return }
        isRoundRequested = true
        queue.schedule(.round(life: controllerLife), after: .microseconds(100))
    }

    mutating func workRound() throws {
        isRoundRequested = false
        rounds += 1
        let time = controllerTime
        guard let events = controller?.work(journal, at: time) else { return }
        journal.append(events, at: time)
        if !events.isEmpty { try checkCluster() }
        let slow = faults.contains(.slowCommits) && random.chance(0.05)
        let delay =
            events.isEmpty
            ? .zero : random.duration(slow ? .seconds(1) ... .seconds(10) : .milliseconds(1) ... .milliseconds(20))
        queue.schedule(.committed(life: controllerLife), after: delay)
    }

    mutating func finishRound() throws {
        let events = try commit()
        guard let outcome = controller?.finishRound() else { return }
        for outgoing in outcome.messages {
            guard let node = place(of: outgoing.node), network.isOpen(outgoing.session, of: node) else { continue }
            send(.toAgent(outgoing.message), on: outgoing.session, node)
        }
        for reply in outcome.answers { try answer(reply) }
        for case .nodeLost(let name) in events.map(\.event) {
            // Its agent, if it is there, must say hello again.
            if let node = place(of: name) { closeStream(of: node) }
        }
        if let time = outcome.nextTime {
            queue.schedule(
                .timer(life: controllerLife, round: rounds), at: max(time - clockError, queue.now + .milliseconds(1)))
        }
        if controller?.hasRequests == true { requestRound() }
    }

    private mutating func commit() throws -> [RecordedEvent] {
        let events = journal.commit()
        for event in events {
            try recorded.apply(event.event, at: event.time)
            try chronicle.read(event.event)
            react(to: event.event)
        }
        return events
    }

    /// People see to what Berth has taken out or held back.
    private mutating func react(to event: ClusterEvent) {
        switch event {
        case .nodeDrained(let node, let drain) where drain.by == "berth":
            want(.undrain(node), by: "operator", after: random.duration(.seconds(60) ... .seconds(1800)))
        case .jobsHeld(let jobs, _):
            for job in jobs {
                let action = random.chance(0.7) ? UserAction.release(job) : .cancel(TaskID(job: job))
                want(action, by: "operator", after: random.duration(.seconds(5) ... .seconds(1200)))
            }
        default: break
        }
    }

    mutating func startController() throws {
        try checkReplay()
        try users.nothingAcknowledgedIsLost(in: journal)
        controllerLife += 1
        isRoundRequested = false
        controller = SimulatedController(
            recorded, timing: timing, configuration: RandomWorkload.configuration, at: controllerTime)
        requestRound()
    }

    /// Ends the controller.
    ///
    /// - Parameter isWritten: whether the commit on its way, if there is one, still becomes durable.
    mutating func crashController(isWritten: Bool) throws {
        if isWritten { _ = try commit() } else { journal.loseUncommitted() }
        controller = nil
        controllerLife += 1
        for ticket in users.loseAnswers() {
            queue.schedule(.ask(ticket: ticket), after: random.duration(.seconds(1) ... .seconds(20)))
        }
        for node in agents.indices { closeStream(of: node) }
        network.closeAll(firstSession: nextSession)
    }
}
