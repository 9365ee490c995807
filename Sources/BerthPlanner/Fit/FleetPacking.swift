import BerthModel

/// Rates where tasks go on a fleet with GPUs by what they strand there for the jobs that usually come.
///
/// A thin layer over `PackingPolicy`: it sees nodes as cores, memory and GPUs of one model. Nodes with GPUs of several
/// models, or with more than the policy takes, are not rated; nothing on them counts as stranded.
struct FleetPacking: Sendable {
    private var policy: PackingPolicy
    private var catalog = ModelCatalog()
    /// By the make's number: its GPUs among its devices, and their model; nil where it is not rated.
    private let gpus: [GPUMake?]
    private var memory: [Question: Answer] = [:]

    private struct GPUMake: Sendable {
        var places: [Int]
        var names: [String]
        var model: Int
    }

    private struct Question: Hashable {
        var shape: PackingShape
        var node: PackingNode
    }

    private struct Answer {
        var fragmentation: Int
        var gpu: Int?
    }

    /// - Returns: nil where no node has GPUs, or nothing is known of what jobs ask for.
    init?(_ makes: [NodeMake], nodes: [PlannedNode], requests: [ResourceRequest]) {
        guard !requests.isEmpty else { return nil }
        var catalog = ModelCatalog()
        let names = Set(makes.flatMap(\.devices).filter { $0.kind == "gpu" }.map(\.packingModel)).sorted()
        guard !names.isEmpty else { return nil }
        for name in names { _ = catalog.number(of: name) }
        let gpus = makes.map { Self.gpus(of: $0, &catalog) }
        self.gpus = gpus
        self.catalog = catalog
        var mix = WorkloadMix(halfLife: Double(RequestHistory.kept / 2))
        for request in requests { mix.observe(Self.shape(request, catalog)) }
        let empty = nodes.sorted { $0.node.name < $1.node.name }.compactMap { node in
            Self.packed(
                makes[node.make].summary(of: node.node.capacity, capacity: node.node.capacity, make: node.make),
                gpus[node.make])
        }
        policy = PackingPolicy(mix: mix, nodes: empty)
    }

    private static func gpus(of make: NodeMake, _ catalog: inout ModelCatalog) -> GPUMake? {
        let places = make.devices.indices.filter { make.devices[$0].kind == "gpu" }
        let models = Set(places.map { make.devices[$0].packingModel })
        guard models.count <= 1, places.count <= PackingNode.gpuLimit else { return nil }
        guard let model = catalog.number(of: models.first ?? catalog.names[0]) else { return nil }
        return GPUMake(places: places, names: places.map { make.devices[$0].name }, model: model)
    }

    private static func packed(_ summary: NodeSummary, _ gpus: GPUMake?) -> PackingNode? {
        guard let gpus else { return nil }
        return PackingNode(
            cpuMillis: max(0, summary.coreCount) * 1000, memoryMebibytes: Int(max(0, summary.memoryBytes) >> 20),
            gpuMillis: gpus.places.map { Int(summary.devices[$0]) }, model: gpus.model)
    }

    private static func shape(_ request: ResourceRequest, _ catalog: ModelCatalog) -> PackingShape {
        let count = request.gpus?.count ?? 0
        var models = AcceleratorModels.any
        if let asked = request.gpus?.models, !asked.isEmpty {
            models = catalog.names.indices.filter { number in
                asked.contains { catalog.names[number].lowercased().contains($0.lowercased()) }
            }.reduce(into: []) { $0.formUnion(AcceleratorModels(model: $1)) }
        }
        return PackingShape(
            cpuMillis: max(0, min(request.cpus, 1 << 20)) * 1000,
            memoryMebibytes: Int((request.memoryBytes ?? 0) >> 20),
            gpuCount: min(count, PackingNode.gpuLimit), gpuMillis: request.gpus?.share ?? 0, models: models)
    }

    /// Thousandths of GPUs that a task of the request would strand on a node that is free so, and the GPU that a share
    /// goes to.
    mutating func rating(_ request: ResourceRequest, on summary: NodeSummary) -> (fragmentation: Int, gpu: String?) {
        guard let gpus = gpus[summary.make], let node = Self.packed(summary, gpus) else { return (0, nil) }
        let question = Question(shape: Self.shape(request, catalog), node: node)
        if let known = memory[question] { return (known.fragmentation, known.gpu.map { gpus.names[$0] }) }
        let choice = policy.cost(of: question.shape, on: node)
        let answer = Answer(
            fragmentation: Int(choice?.cost ?? 0), gpu: question.shape.isShare ? choice?.gpu : nil)
        if memory.count > 100_000 { memory = [:] }
        memory[question] = answer
        return (answer.fragmentation, answer.gpu.map { gpus.names[$0] })
    }
}

extension Device {
    fileprivate var packingModel: String { model ?? "" }
}
