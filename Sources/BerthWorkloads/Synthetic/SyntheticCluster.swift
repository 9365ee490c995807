import BerthModel
import BerthPlanner

/// A fleet of ten shapes and the request classes of its jobs, drawn from a seed.
struct SyntheticCluster {
    /// A node's make: cores, GiB of memory, GPUs and their model.
    private static let shapes: [(cores: Int, gibibytes: Int, gpus: Int, model: String?)] = [
        (16, 64, 0, nil), (32, 128, 0, nil), (32, 256, 0, nil), (48, 192, 0, nil), (64, 256, 0, nil), (64, 512, 0, nil),
        (96, 768, 0, nil), (32, 256, 4, "V100"), (64, 512, 8, "A100"), (96, 1024, 8, "H100"),
    ]

    let nodes: [Node]
    let classes: [WaitingTerms]

    init(nodes: Int, classes: Int, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var cluster = Cluster()
        for number in 0..<nodes {
            let registration = Self.registration(number)
            try? cluster.apply(.nodeJoined(registration), at: .epoch)
        }
        self.nodes = cluster.nodes.values.sorted { $0.name < $1.name }
        self.classes = (0..<classes).map { Self.terms($0, &random) }
    }

    private static func registration(_ number: Int) -> NodeRegistration {
        let kind = number % shapes.count
        let shape = shapes[kind]
        var inventory = Inventory(cpuModel: "Synthetic", architecture: "x86_64")
        let numaNodes = shape.cores >= 64 ? 2 : 1
        for numaNode in 0..<numaNodes {
            let cpus = CPUSet(numaNode * shape.cores / numaNodes..<(numaNode + 1) * shape.cores / numaNodes)
            for cpu in cpus.numbers {
                inventory.cores.append(
                    .init(index: cpu, number: cpu, package: numaNode, numaNode: numaNode, cpus: [cpu]))
            }
            inventory.numaNodes.append(
                .init(number: numaNode, cpus: cpus, memoryBytes: Int64(shape.gibibytes / numaNodes) << 30))
            inventory.packages.append(.init(number: numaNode, cpus: cpus))
            inventory.cpus.formUnion(cpus)
        }
        inventory.memoryBytes = Int64(shape.gibibytes) << 30
        inventory.memorySource = .description
        for gpu in 0..<shape.gpus {
            inventory.devices.append(
                Device(
                    name: "gpu\(gpu)", kind: "gpu", model: shape.model, memoryBytes: 80 << 30,
                    numaNodes: [gpu * numaNodes / shape.gpus]))
        }
        let digits = String(number)
        return NodeRegistration(
            name: NodeName("node" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits),
            inventory: inventory, inventoryDigest: "synthetic \(kind)")
    }

    /// Seven in ten ask for cores and memory alone, one for a share of a GPU, two for whole ones; run times from ten
    /// minutes to a day.
    private static func terms(_ number: Int, _ random: inout SeededGenerator) -> WaitingTerms {
        var request = ResourceRequest(
            cpus: 1 << Int.random(in: 0...4, using: &random),
            memoryBytes: Int64(Int.random(in: 1...64, using: &random)) << 30)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: request.gpus = GPURequest(thousandths: Int.random(in: 1...9, using: &random) * 100)
        case 1, 2: request.gpus = GPURequest(thousandths: 1000 << Int.random(in: 0...3, using: &random))
        default: break
        }
        let minutes = 10 << Int.random(in: 0...7, using: &random)
        return WaitingTerms(
            shapes: [TaskShape(request: request, rule: PlacementRule(queue: "batch"))], queue: "batch",
            user: "user\(number % 50)", project: "project\(number % 10)", name: "class\(number)",
            expectedTime: .seconds(minutes * 60), timeLimit: .seconds(minutes * 120))
    }
}
