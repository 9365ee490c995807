package import BerthModel

// What must hold of the machines themselves, whatever the controller believes.

/// On no machine do two processes use the same PUs or devices.
package func noHardwareIsShared(on agent: SimulatedAgent) throws(BrokenPromise) {
    try nothingOverlaps(
        agent.processes.sorted { $0.key < $1.key }.compactMap { id, process in
            process.attempt.allocation(on: agent.registration.name).map { (id, $0) }
        }, of: agent.registration)
}

/// No attempt begins beside another of its task, unless the controller gave one of the two up with its node and has
/// not heard of its end: such a node may be cut off, and does not know.
package func noTaskRunsTwice(_ begun: Attempt, among agents: [SimulatedAgent], in cluster: Cluster)
    throws(BrokenPromise)
{
    func isGivenUp(_ attempt: Attempt) -> Bool {
        cluster.state(of: attempt.id) == nil
            && attempt.allocations.contains { cluster.nodes[$0.node]?.knows(attempt.id) == true }
    }
    for agent in agents {
        for (id, process) in agent.processes.sorted(by: { $0.key < $1.key })
        where id.task == begun.id.task && process.attempt.fence != begun.fence {
            try BrokenPromise.unless(
                isGivenUp(process.attempt) || isGivenUp(begun), "no task runs twice",
                "\(begun.id) began beside \(id) on \(agent.registration.name)")
        }
    }
}

/// No machine has a process or an attempt left.
package func everyLedgerIsEmpty(among agents: [SimulatedAgent]) throws(BrokenPromise) {
    for agent in agents {
        try BrokenPromise.unless(
            agent.ledger.statuses.isEmpty && agent.processes.isEmpty, "every ledger is empty in the end",
            "\(agent.registration.name) has \(agent.ledger.statuses.map(\.attempt)), processes \(agent.processes.keys.sorted())"
        )
    }
}
