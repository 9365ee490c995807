public import BerthModel

/// What a copy of the planner is told while it is run forward.
extension Planner {
    /// Takes a start of the last plan for made: from now on its attempt is one that runs, and may be stopped for others.
    ///
    /// - Returns: the attempt; of a gang the part on its first node.
    mutating func confirm(_ start: Plan.Start, as id: AttemptID, at now: Timestamp) -> RunningAttempt? {
        var confirmed: RunningAttempt?
        for allocation in start.allocations {
            guard let slot = fleet.slots[allocation.node] else { continue }
            var running = fleet.nodes[slot].running
            let place = running.lastIndex {
                $0.id.number == 0 && $0.id.task.job == start.job && $0.allocation == allocation
            }
            guard let place else { continue }
            running[place].id = id
            if confirmed == nil { confirmed = running[place] }
            put(fleet.node(slot), running: running, at: now)
        }
        return confirmed
    }

    /// Lets an attempt end: what it held is free.
    mutating func end(_ id: AttemptID, on names: [NodeName], at now: Timestamp) {
        for name in names {
            guard let slot = fleet.slots[name] else { continue }
            var node = fleet.node(slot)
            var left: [RunningAttempt] = []
            for attempt in fleet.nodes[slot].running {
                if attempt.id == id { node.giveBack(attempt.allocation) } else { left.append(attempt) }
            }
            put(node, running: left, at: now)
        }
    }

    /// Puts so many more of a job's tasks in line.
    mutating func add(_ tasks: Int, of job: Job.ID, _ known: Foreseen.KnownJob, at now: Timestamp) {
        let waiting = lines.tasks(of: job, isReturning: known.terms.isReturning)
        put(WaitingJob(id: job, submitTime: known.submitTime, tasks: waiting + tasks), known.terms, at: now)
    }

    /// Whether a job in line may start at once: where it may not, and nothing else has changed, there is nothing to plan.
    mutating func mayStart(_ id: Job.ID) -> Bool {
        guard let (line, _) = lines.line(of: id) else { return false }
        takeNewGroups()
        return lines.lines[line].tier > holdings.lowestPreemptibleTier ?? .max || holdings.hasBorrowers
            || lines.lines[line].shapes.contains { shapes.mayFit($0, fleet) }
    }

    /// A waiting job's place in line comes from this; nil where it is not in line.
    public mutating func priority(of id: Job.ID, _ facts: PlanningFacts, at now: Timestamp) -> JobPriority? {
        guard let (line, job) = lines.line(of: id) else { return nil }
        var round = Round(now: now, facts: facts, configuration: configuration)
        return priority(of: job, in: line, &round)
    }

    /// How many of a job's tasks are in line, those that come back included.
    public func waitingTasks(of job: Job.ID) -> Int {
        lines.tasks(of: job, isReturning: false) + lines.tasks(of: job, isReturning: true)
    }
}
