import BerthPlanner

/// How much of a node's free GPUs the tasks of a target workload cannot use: the expectation, over the workload, of
/// all that is free where a task cannot run on the node or wants no GPU, else of what is free on GPUs too full for it.
///
/// Memory does not count. What is usable depends on a task's CPU only through fitting or not, so tasks are grouped
/// by their GPUs: one node costs a binary search for each of the dozen groups, not a pass over all shapes.
///
/// Source: Weng et al., ATC 2023, section 4; `pkg/utils/frag.go` of the published simulator.
struct FragmentationMeasure {
    /// By the number of a model.
    private let groups: [[Group]]

    private struct Group {
        let gpuCount: Int
        let gpuMillis: Int
        /// Ascending CPU of the group's tasks, in thousandths of a core.
        var cpuMillis: [Int] = []
        /// Share of the workload that needs no more than the CPU at the same index.
        var shares: [Double] = []

        func share(withCPU free: Int) -> Double {
            var low = 0
            var high = cpuMillis.count
            while low < high {
                let middle = (low + high) / 2
                if cpuMillis[middle] <= free { low = middle + 1 } else { high = middle }
            }
            return low == 0 ? 0 : shares[low - 1]
        }
    }

    /// - Parameter target: shapes and their shares of the workload, which add up to 1.
    init(target: [(shape: PackingShape, share: Double)]) {
        let byCPU = target.enumerated().sorted {
            ($0.element.shape.cpuMillis, $0.offset) < ($1.element.shape.cpuMillis, $1.offset)
        }
        groups = (0..<ModelCatalog.limit).map { model in
            var groups: [Group] = []
            for (_, (shape, share)) in byCPU where shape.gpuCount > 0 {
                guard shape.models.contains(AcceleratorModels(model: model)) else { continue }
                let known = groups.firstIndex { $0.gpuCount == shape.gpuCount && $0.gpuMillis == shape.gpuMillis }
                let index = known ?? groups.count
                if known == nil { groups.append(Group(gpuCount: shape.gpuCount, gpuMillis: shape.gpuMillis)) }
                groups[index].cpuMillis.append(shape.cpuMillis)
                groups[index].shares.append((groups[index].shares.last ?? 0) + share)
            }
            return groups
        }
    }

    /// Thousandths of a GPU that are free on `node` and, in expectation, of no use.
    func fragment(of node: PackingNode) -> Double {
        var usable = 0.0
        for group in groups[node.model] {
            guard node.gpus(withAtLeast: group.gpuMillis) >= group.gpuCount else { continue }
            let holds = node.gpuMillis .>= SIMD16(repeating: UInt16(group.gpuMillis))
            let rest = node.gpuMillis.replacing(with: 0, where: .!holds).wrappedSum()
            usable += group.share(withCPU: node.cpuMillis) * Double(rest)
        }
        return Double(node.totalGPUMillis) - usable
    }
}
