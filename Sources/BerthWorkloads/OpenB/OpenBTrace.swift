package import BerthPlanner

/// A cluster's nodes and the tasks that want a place on it: a pair of files of the kind Alibaba published as
/// cluster-trace-gpu-v2023 (OpenB). Times are not read: in the published experiments nothing ever leaves.
///
/// Source: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient
/// Descent", USENIX ATC 2023.
public struct OpenBTrace: Sendable {
    /// The empty nodes, in the file's order.
    package let nodes: [PackingNode]
    /// Each different shape of the tasks, in the order of first mention.
    package let shapes: [PackingShape]
    /// The tasks in the file's order, as indices into `shapes`.
    package let tasks: [Int]
    /// Thousandths of a GPU, over all nodes.
    package let capacity: Int

    /// - Parameters:
    ///   - nodes: a table with the columns `cpu_milli, memory_mib, gpu, model`.
    ///   - pods: a table with the columns `cpu_milli, memory_mib, num_gpu, gpu_milli` and perhaps `gpu_spec`.
    public init(nodes: String, pods: String) throws(TraceError) {
        var catalog = ModelCatalog()
        let nodes = try Self.nodes(of: nodes, catalog: &catalog)
        let capacity = nodes.reduce(0) { $0 + $1.gpuCount * 1000 }
        guard capacity > 0 else { throw TraceError("The node list has no GPU; the protocol measures their use.") }
        var indices: [PackingShape: Int] = [:]
        var shapes: [PackingShape] = []
        var tasks: [Int] = []
        for shape in try Self.tasks(of: pods, catalog: &catalog) {
            let index = indices[shape] ?? shapes.count
            if index == shapes.count {
                indices[shape] = index
                shapes.append(shape)
            }
            tasks.append(index)
        }
        guard shapes.contains(where: { $0.gpuCount > 0 }) else {
            throw TraceError("No task of the pod list wants a GPU; the protocol fills the cluster's GPUs.")
        }
        self.nodes = nodes
        self.shapes = shapes
        self.tasks = tasks
        self.capacity = capacity
        try checkSize()
    }

    /// Refuses what a run would need hours and gigabytes for: it remembers a score for pairs of a shape and a state.
    private func checkSize() throws(TraceError) {
        let demand = tasks.reduce(0.0) { $0 + Double(shapes[$1].totalGPUMillis) }
        let arrivals = 1.3 * Double(capacity) / demand * Double(tasks.count)
        guard Double(shapes.count) * (Double(nodes.count) + arrivals) <= Self.pairLimit else {
            throw TraceError(
                "Filling \(nodes.count) nodes takes \(arrivals.rounded()) tasks of \(shapes.count) shapes; "
                    + "shapes times nodes and tasks may be \(Self.pairLimit). "
                    + "Take fewer nodes, or tasks that want more GPU.")
        }
    }

    private static let cpuRange = 0...100_000_000
    private static let memoryRange = 0...1_000_000_000
    private static let pairLimit = 200_000_000.0

    private static func nodes(of text: String, catalog: inout ModelCatalog) throws(TraceError) -> [PackingNode] {
        let table = try OpenBTable(text, title: "node list", required: ["cpu_milli", "memory_mib", "gpu", "model"])
        var nodes: [PackingNode] = []
        for row in table.rows {
            guard let model = catalog.number(of: String(table.text("model", in: row))) else { throw tooManyModels(row) }
            nodes.append(
                PackingNode(
                    cpuMillis: try table.number("cpu_milli", in: row, within: cpuRange),
                    memoryMebibytes: try table.number("memory_mib", in: row, within: memoryRange),
                    gpuCount: try table.number("gpu", in: row, within: 0...PackingNode.gpuLimit), model: model))
        }
        return nodes
    }

    private static func tasks(of text: String, catalog: inout ModelCatalog) throws(TraceError) -> [PackingShape] {
        let columns = ["cpu_milli", "memory_mib", "num_gpu", "gpu_milli"]
        let table = try OpenBTable(text, title: "pod list", required: columns)
        var tasks: [PackingShape] = []
        for row in table.rows {
            let gpus = try table.number("num_gpu", in: row, within: 0...PackingNode.gpuLimit)
            // Only one GPU can be shared; without one there is nothing to share.
            let share = gpus == 0 ? 0...1000 : gpus == 1 ? 1...1000 : 1000...1000
            tasks.append(
                PackingShape(
                    cpuMillis: try table.number("cpu_milli", in: row, within: cpuRange),
                    memoryMebibytes: try table.number("memory_mib", in: row, within: memoryRange),
                    gpuCount: gpus, gpuMillis: try table.number("gpu_milli", in: row, within: share),
                    models: gpus == 0 ? .any : try models(table.text("gpu_spec", in: row), row, &catalog)))
        }
        return tasks
    }

    private static func models(
        _ text: Substring, _ row: OpenBTable.Row, _ catalog: inout ModelCatalog
    ) throws(TraceError) -> AcceleratorModels {
        guard !text.isEmpty else { return .any }
        var models: AcceleratorModels = []
        for name in text.split(separator: "|") {
            guard let model = catalog.number(of: String(name)) else { throw tooManyModels(row) }
            models.formUnion(AcceleratorModels(model: model))
        }
        return models
    }

    private static func tooManyModels(_ row: OpenBTable.Row) -> TraceError {
        TraceError(
            "Line \(row.line) names one GPU model too many; nodes and tasks together may name \(ModelCatalog.limit).")
    }
}
