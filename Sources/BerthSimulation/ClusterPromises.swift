package import BerthModel
import BerthPlanner
import BerthScheduling

// What must hold of every cluster, worked out here once more from the allocations alone.

/// No PU of a node is given to two attempts, no device and no memory beyond what there is.
package func nothingIsGivenTwice(in cluster: Cluster) throws(BrokenPromise) {
    for node in cluster.nodes.values {
        try nothingOverlaps(node.given.sorted { $0.key < $1.key }, of: node.registration)
    }
}

/// The same for any attempts that share a machine.
package func nothingOverlaps(_ given: [(key: AttemptID, value: Allocation)], of registration: NodeRegistration)
    throws(BrokenPromise)
{
    let promise = "nothing is given twice"
    var cpus = CPUSet()
    var memory: [Int: Int64] = [:]
    var devices: [String: Int] = [:]
    for (attempt, allocation) in given {
        try BrokenPromise.unless(
            cpus.isDisjoint(with: allocation.cpus), promise, "\(attempt) shares PUs on \(registration.name)")
        cpus.formUnion(allocation.cpus)
        for share in allocation.memory { memory[share.numaNode, default: 0] += share.bytes }
        for share in allocation.devices { devices[share.name, default: 0] += share.thousandths }
    }
    try BrokenPromise.unless(
        cpus.isSubset(of: registration.inventory.cpus), promise, "\(registration.name) has no PUs \(cpus)")
    for (number, bytes) in memory {
        let total = registration.inventory.numaNodes.first { $0.number == number }?.memoryBytes ?? 0
        try BrokenPromise.unless(bytes <= total, promise, "\(bytes) of \(total) bytes on \(registration.name)")
    }
    for (name, thousandths) in devices {
        let count = registration.inventory.devices.first { $0.name == name }?.count ?? 0
        try BrokenPromise.unless(
            thousandths <= count * 1000, promise, "\(thousandths) of \(name) on \(registration.name)")
    }
}

/// A node's free and given resources are its capacity.
package func freeAndGivenAddUp(in cluster: Cluster) throws(BrokenPromise) {
    for node in cluster.nodes.values {
        var expected = node.registration.capacity
        for allocation in node.given.values {
            expected.cpus.subtract(allocation.cpus)
            for share in allocation.memory { expected.memory[share.numaNode]? -= share.bytes }
            for share in allocation.devices { expected.devices[share.name]? -= share.thousandths }
        }
        try BrokenPromise.unless(
            expected == node.free, "free and given add up",
            "\(node.name) has \(node.free) free, and \(expected) is not given")
    }
}

/// What a live attempt was given stands on its node, and nowhere else; of a gang, on the nodes of the members that
/// live, and perhaps still on a lost one's. One that waits behind another of its job stands there once, and is given nothing.
package func liveAttemptsHoldTheirResources(in cluster: Cluster) throws(BrokenPromise) {
    for job in cluster.jobs.values {
        for task in job.tasks.values {
            guard let attempt = task.state.attempt else { continue }
            let places = cluster.nodes.values.flatMap { node in
                node.successions.values.flatMap(\.attempts).filter { $0 == attempt.id }.map { _ in node.name }
            }
            if !places.isEmpty {
                try BrokenPromise.unless(
                    places == [attempt.allocation.node] && attempt.predecessor != nil
                        && cluster.nodes.values.allSatisfy { $0.given[attempt.id] == nil },
                    "who waits behind another holds nothing", "\(attempt.id) stands on \(places)")
                continue
            }
            for node in cluster.nodes.values {
                let given = node.given[attempt.id]
                let holds = given == attempt.allocation(on: node.name)
                let hasEnded = task.hasEnded(attempt, on: node.name)
                try BrokenPromise.unless(
                    hasEnded ? given == nil || holds : holds, "a live attempt holds its resources",
                    "\(attempt.id) on \(node.name)")
            }
        }
    }
}

/// A job that still waits after a plan has a reason for it.
package func everyWaitHasAReason(in cluster: Cluster, at now: Timestamp) throws(BrokenPromise) {
    for place in cluster.queueOrder {
        guard let job = cluster.jobs[place.job] else { continue }
        try BrokenPromise.unless(
            !waitReasons(for: job, in: cluster, at: now).isEmpty, "every wait has a reason",
            "job \(job.id) waits: \(job.untouched), \(job.tasks)")
    }
}

/// Jobs that may have waiting tasks are in line, each once and in order, and no others.
package func everyWaitingJobIsInLine(in cluster: Cluster) throws(BrokenPromise) {
    let waiting = cluster.jobs.values.filter(\.hasWaitingTasks).map(\.id)
    let inLine = cluster.queueOrder.map(\.job)
    try BrokenPromise.unless(
        Set(waiting) == Set(inLine) && waiting.count == inLine.count
            && zip(cluster.queueOrder, cluster.queueOrder.dropFirst()).allSatisfy { $0 < $1 },
        "every waiting job is in line", "\(waiting.sorted()) wait, \(inLine) are in line")
}

/// Nothing is left over.
package func everythingIsOver(in cluster: Cluster) throws(BrokenPromise) {
    let promise = "all is free in the end"
    try BrokenPromise.unless(cluster.jobs.isEmpty, "every job ends", "\(cluster.jobs.keys.sorted()) have not")
    try BrokenPromise.unless(!cluster.families.hasJobs, promise, "a family still has jobs")
    for queue in cluster.configuration.queues {
        let running = cluster.runningTasks(queue: queue.name)
        try BrokenPromise.unless(running == 0, promise, "\(running.counted("task")) still count in \(queue.name)")
    }
    for node in cluster.nodes.values.sorted(by: { $0.name < $1.name }) {
        try BrokenPromise.unless(
            node.free == node.capacity && node.given.isEmpty && node.successions.isEmpty, promise,
            "\(node.name) still gives to \(node.given.keys.sorted())")
    }
}
