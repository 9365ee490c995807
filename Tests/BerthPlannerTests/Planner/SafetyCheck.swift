import BerthModel
import BerthPlanner
import Testing

/// Checks a plan, decision by decision, against the scene that it was made for.
struct SafetyCheck {
    private let scene: Scene
    private var nodes: [NodeName: Node] = [:]
    private var held: [RunningAttempt]

    init(_ scene: Scene) {
        self.scene = scene
        for name in scene.nodeNames { nodes[name] = scene.node(name) }
        held = scene.nodeNames.flatMap { scene.running[$0] ?? [] }
    }

    mutating func check(_ plan: Plan) throws {
        for start in plan.starts { try check(start) }
        for preemption in plan.preemptions { try check(preemption) }
    }

    // MARK: - Starts

    private mutating func check(_ start: Plan.Start) throws {
        let job = try #require(scene.jobs[start.job])
        let first = try #require(start.allocations.first)
        let shape = job.terms.shapes[first.shape]
        // A gang whole: all its nodes at once, each another, in one shape.
        #expect(start.allocations.count == shape.request.nodes)
        #expect(start.allocations.map(\.node) == Set(start.allocations.map(\.node)).sorted())
        #expect(start.allocations.allSatisfy { $0.shape == first.shape })
        for allocation in start.allocations {
            let node = try #require(nodes[allocation.node])
            #expect(node.takesWork)
            #expect(shape.rule.shortfalls(on: node).isEmpty)
            checkMaintenance(of: node, job.terms.timeLimit)
            check(allocation, shape.request, on: node)
            try #require(node.free.covers(allocation), "given twice: \(allocation)")
            nodes[allocation.node]?.take(allocation)
            held.append(attempt(start, allocation, job))
        }
        checkLimits(job.terms)
        checkQuotas(start, job.terms)
    }

    private func attempt(_ start: Plan.Start, _ allocation: Allocation, _ job: Scene.SceneJob) -> RunningAttempt {
        RunningAttempt(
            id: AttemptID(task: TaskID(job: start.job), number: 0), allocation: allocation,
            countsAsTask: allocation.node == start.allocations.first?.node, queue: job.terms.queue,
            user: job.terms.user, project: job.terms.project, startTime: scene.now)
    }

    private func checkMaintenance(of node: Node, _ limit: Duration?) {
        for reservation in scene.configuration.planning.reservations
        where reservation.end > scene.now && reservation.nodes.holds(node.attribute) {
            #expect(limit.map { scene.now + $0 <= reservation.start } == true, "\(node.name) must be empty")
        }
    }

    /// The allocation is what was asked for, and lies as it was asked to.
    private func check(_ given: Allocation, _ request: ResourceRequest, on node: Node) {
        let cores = node.inventory.cores.filter { !$0.cpus.isDisjoint(with: given.cpus) }
        if request.isExclusive {
            #expect(node.free == node.capacity)
            #expect(given.cpus == node.capacity.cpus)
            #expect(given.memoryBytes == node.capacity.memoryBytes)
        } else {
            #expect(request.countsThreads ? given.cpus.count == request.cpus : cores.count == request.cpus)
            if !request.countsThreads { #expect(cores.allSatisfy { $0.cpus.isSubset(of: given.cpus) }) }
            let ruled = request.devices.reduce(Int64(0)) { sum, want in
                guard case .number(let qubits)? = want.attributes["qubits"] else { return sum }
                return sum + Int64(want.count) * (16 << Int64(qubits))
            }
            #expect(given.memoryBytes == (request.memoryBytes ?? 0) + ruled)
        }
        let gpus = given.devices.filter { $0.kind == "gpu" }.map(\.thousandths)
        #expect(gpus.reduce(0, +) == request.gpus?.thousandths ?? 0)
        #expect(gpus.allSatisfy { $0 == request.gpus?.share })
        let instances = request.devices.reduce(0) { $0 + $1.count }
        #expect(given.devices.reduce(0) { $0 + ($1.kind == "qsim" ? $1.thousandths : 0) } == instances * 1000)
        guard !request.locality.isWish, !request.isExclusive else { return }
        if request.locality.level == .numa {
            #expect(Set(cores.map(\.numaNode)).count == 1)
            #expect(given.memory.allSatisfy { $0.numaNode == cores.first?.numaNode })
        }
        if request.locality.level == .package { #expect(Set(cores.map(\.package)).count == 1) }
    }

    private func checkLimits(_ terms: WaitingTerms) {
        guard let queue = scene.configuration.queue(terms.queue) else { return }
        let inQueue = held.filter { $0.queue == queue.name && $0.countsAsTask }
        #expect(inQueue.count <= queue.maximumRunning ?? .max)
        #expect(inQueue.count { $0.user == terms.user } <= queue.maximumRunningPerUser ?? .max)
        #expect(inQueue.count { $0.project == terms.project } <= queue.maximumRunningPerProject ?? .max)
    }

    private func amounts(of project: String) -> (cores: Int, gpus: Int) {
        held.filter { ($0.project ?? "") == project }.reduce(into: (0, 0)) { sum, attempt in
            sum.0 += attempt.allocation.coreCount
            sum.1 += attempt.allocation.devices.reduce(0) { $1.kind == "gpu" ? $0 + $1.thousandths : $0 }
        }
    }

    private func checkQuotas(_ start: Plan.Start, _ terms: WaitingTerms) {
        let planning = scene.configuration.planning
        guard !planning.quotas.isEmpty else { return }
        let project = terms.project ?? ""
        let amount = amounts(of: project)
        let quota = planning.quota(of: project)
        let exceeds = quota.map { amount.cores > $0.cores || amount.gpus > $0.gpus * 1000 } ?? true
        #expect(start.isBorrowing || !exceeds, "\(project) borrows with \(amount)")
        if let quota, !quota.borrows { #expect(!exceeds, "\(project) may not borrow") }
        guard start.isBorrowing else { return }
        let kept = planning.quotas.filter { !$0.lends && $0.project != project }
            .reduce(0) { $0 + max(0, $1.cores - amounts(of: $1.project).cores) }
        let free = nodes.values.filter(\.takesWork).reduce(0) { sum, node in
            sum + node.inventory.cores.count { $0.cpus.isSubset(of: node.free.cpus) }
        }
        if kept > 0 { #expect(free >= kept, "\(kept) cores are not lent") }
    }

    // MARK: - Preemptions

    private func check(_ preemption: Plan.Preemption) throws {
        let terms = try #require(scene.jobs[preemption.job]?.terms)
        let tier = scene.configuration.queue(terms.queue)?.tier ?? 0
        #expect(!preemption.victims.isEmpty)
        for id in preemption.victims {
            let victim = try #require(scene.attempts.first { $0.id == id })
            #expect(victim.isPreemptible && !victim.isStopping)
            #expect(victim.tier < tier || (victim.tier == tier && victim.isBorrowing))
            let protected = scene.configuration.queue(victim.queue)?.minimumRunTime ?? .zero
            #expect(scene.now - victim.startTime >= protected)
        }
    }
}
