import BerthModel
import BerthPlanner

/// Random clusters, jobs and events. A failure prints its seed, and the seed alone brings it back.
extension Scene {
    static func random(using random: inout SeededGenerator) throws -> Scene {
        var configuration = ClusterConfiguration(queues: [
            Queue(name: "urgent", tier: 9, maximumRunningPerUser: 4),
            Queue(name: "batch", tier: 5, maximumRunning: 14, maximumRunningPerProject: 9),
            Queue(name: "zone", tier: 5, nodes: try Expression("node.label.zone == 'a'")),
            Queue(name: "spot", tier: 1, isPreemptible: true, minimumRunTime: .seconds(120)),
            Queue(name: "loan", tier: 5, isPreemptible: true),
        ])
        configuration.planning.backfill.depth = [1, 4, 100].randomElement(using: &random) ?? 4
        if random.isOne(in: 3) {
            configuration.planning.quotas = [
                .init(project: "p", cores: 6, gpus: 1, lends: Bool.random(using: &random)),
                .init(project: "q", cores: 8, borrows: false),
            ]
        }
        var scene = Scene(configuration)
        if random.isOne(in: 3) {
            let start = scene.now + .seconds(Int64.random(in: 600...7200, using: &random))
            configuration.planning.reservations = [
                .init(
                    name: "kernel", nodes: try Expression("node.label.zone == 'b'"), start: start,
                    end: start + .seconds(3600)),
                .init(
                    name: "disk", nodes: try Expression("node.name == 'n1'"), start: start + .seconds(900),
                    end: start + .seconds(1800)),
            ]
            scene = Scene(configuration)
        }
        for number in 0..<Int.random(in: 1...5, using: &random) {
            try scene.join(.random("n\(number)", using: &random))
        }
        return scene
    }

    /// Something happens.
    mutating func happen(using random: inout SeededGenerator) throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0...8:
            let tasks = random.isOne(in: 4) ? Int.random(in: 2...9, using: &random) : 1
            submit(try .random(using: &random), tasks: tasks)
        case 9...12:
            guard let attempt = attempts.randomElement(using: &random) else { return }
            end(attempt.id, returns: attempt.isStopping || random.isOne(in: 5))
        case 13:
            guard let job = waitingJobs.randomElement(using: &random) else { return }
            withdraw(job)
        case 14:
            guard let job = waitingJobs.randomElement(using: &random) else { return }
            change(job, to: try .random(using: &random))
        case 15:
            guard let attempt = attempts.randomElement(using: &random) else { return }
            let time = now
            edit(attempt.id) { $0.checkpointTime = time }
        case 16: try join(.random("n\(nodeNames.count)", using: &random))
        case 17...18: try changeNode(using: &random)
        default: now = now + .seconds(Int64.random(in: 0...1800, using: &random))
        }
        if random.isOne(in: 2) { now = now + .milliseconds(Int64.random(in: 0...120_000, using: &random)) }
    }

    private mutating func changeNode(using random: inout SeededGenerator) throws {
        guard let name = nodeNames.randomElement(using: &random), let node = node(name) else { return }
        if node.drain != nil {
            try change(name, .nodeUndrained(name, by: "ada"))
        } else if !node.isUp {
            try change(name, .nodeReturned(name))
        } else if random.isOne(in: 2) {
            try change(name, .nodeDrained(name, .init(reason: "disk", by: "ada")))
        } else {
            try change(name, .nodeLost(name))
        }
    }
}

extension SeededGenerator {
    mutating func isOne(in chances: Int) -> Bool { Int.random(in: 0..<chances, using: &self) == 0 }
}

extension NodeRegistration {
    fileprivate static func random(_ name: String, using random: inout SeededGenerator) throws -> NodeRegistration {
        let numaNodes = [1, 1, 2, 4].randomElement(using: &random) ?? 1
        var devices: [Device] = []
        if random.isOne(in: 2) {
            let model = ["NVIDIA H100", "NVIDIA H100", "Tesla K80"].randomElement(using: &random)
            devices += (0..<2).map { number in
                Device(
                    name: "gpu\(number)", kind: "gpu", model: model, memoryBytes: 80 << 30,
                    numaNodes: [number % numaNodes])
            }
        }
        if random.isOne(in: 3) {
            devices.append(
                Device(
                    name: "qsim0", kind: "qsim", count: 2, attributes: ["maxQubits": .number(29)],
                    memoryRule: try MemoryRule("16 * 2^qubits"), isDeclared: true))
        }
        return .machine(
            NodeName(name), packages: numaNodes > 1 ? 2 : 1, numaNodes: numaNodes,
            cores: Int.random(in: 1...4, using: &random), threads: Int.random(in: 1...2, using: &random),
            gibibytes: [nil, 8, 16].randomElement(using: &random) ?? 8, devices: devices,
            labels: [
                "zone": Bool.random(using: &random) ? "a" : "b", "switch": Bool.random(using: &random) ? "s" : "t",
            ])
    }
}

extension WaitingTerms {
    static func random(using random: inout SeededGenerator) throws -> WaitingTerms {
        let nodes = random.isOne(in: 5) ? Int.random(in: 2...4, using: &random) : 1
        var constraints: [Expression] = []
        if random.isOne(in: 6) {
            let texts = ["node.name == 'n0'", "node.name != 'n1'", "node.name <= 'n2'", "node.label.zone == 'a'"]
            constraints = [try Expression(texts.randomElement(using: &random) ?? "")]
        }
        let queue = ["urgent", "batch", "zone", "spot", "loan"].randomElement(using: &random) ?? "batch"
        let rule = PlacementRule(
            constraints: constraints, queue: queue,
            queueNodes: queue == "zone" ? try Expression("node.label.zone == 'a'") : nil)
        let shapes = (0..<(random.isOne(in: 5) ? 2 : 1)).map { _ in
            TaskShape(request: .random(nodes: nodes, using: &random), rule: rule)
        }
        let expected = [nil, 60, 900, 3600].randomElement(using: &random)?.map { Duration.seconds($0) }
        let limit = [nil, 1200, 7200].randomElement(using: &random)?.map { Duration.seconds($0) }
        return WaitingTerms(
            shapes: shapes, queue: queue, user: ["ada", "bob", "cy"].randomElement(using: &random) ?? "ada",
            project: [nil, "p", "q"].randomElement(using: &random) ?? nil, expectedTime: expected, timeLimit: limit)
    }
}

extension ResourceRequest {
    fileprivate static func random(nodes: Int, using random: inout SeededGenerator) -> ResourceRequest {
        var request = ResourceRequest(
            cpus: Int.random(in: 1...4, using: &random), countsThreads: random.isOne(in: 4),
            memoryBytes: Bool.random(using: &random) ? Int64.random(in: 1...10, using: &random) << 30 : nil,
            locality: Locality(
                random.isOne(in: 3) ? Locality.Level.allCases.randomElement(using: &random) ?? .node : .node,
                isWish: random.isOne(in: 3)),
            nodes: nodes, isExclusive: random.isOne(in: 10))
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            request.gpus = GPURequest(thousandths: [250, 500, 1000, 2000].randomElement(using: &random) ?? 1000)
            if Bool.random(using: &random) { request.throughput = Throughput(["h100": 9, "K80": 2]) }
        case 1:
            request.devices = [
                DeviceRequest(
                    kind: "qsim", count: Int.random(in: 1...2, using: &random),
                    attributes: ["qubits": .number(Double(Int.random(in: 20...29, using: &random)))])
            ]
        default: break
        }
        return request
    }
}
