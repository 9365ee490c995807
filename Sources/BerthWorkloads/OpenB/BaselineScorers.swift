import BerthPlanner
import RealModule

// The scores of the published simulator are whole numbers from 0 to 100, truncated: the ties that this makes are part
// of the published figures.

/// Fragmentation gradient descent: the placement after which least is fragmented.
struct FragmentationGradient: PlacementScorer {
    let measure: FragmentationMeasure

    func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore {
        let before = measure.fragment(of: state.free)
        func score(_ gpu: Int) -> PlacementScore {
            let descent = before - measure.fragment(of: state.free.placing(shape, on: gpu))
            return PlacementScore(value: (100 / (1 + Double.exp(-descent / 1000))).rounded(.down), gpu: gpu)
        }
        guard shape.isShare else { return score(0) }
        var best = PlacementScore(value: -1, gpu: 0)
        for gpu in state.free.choices(forShare: shape) {
            let candidate = score(gpu)
            if candidate.value > best.value { best = candidate }
        }
        return best
    }
}

/// What most policies share: a share goes to the GPU with the least rest.
private func tightest(_ shape: PackingShape, on state: NodeState) -> Int {
    shape.isShare ? state.free.tightestGPU(forShare: shape) : 0
}

/// The largest CPU and GPU capacity the published simulator normalises by.
private enum Largest {
    static let cpuMillis = 128_000.0
    static let gpuMillis = 8000.0
}

/// The least CPU and GPU left over.
struct BestFit: PlacementScorer {
    func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore {
        let cpu = Double(state.free.cpuMillis - shape.cpuMillis) / Largest.cpuMillis
        let gpu = Double(state.free.totalGPUMillis - shape.totalGPUMillis) / Largest.gpuMillis
        return PlacementScore(
            value: ((1 - (cpu * 0.5 + gpu * 0.5)) * 100).rounded(.towardZero), gpu: tightest(shape, on: state))
    }
}

/// The least dot product of what is free and what is asked.
struct DotProduct: PlacementScorer {
    func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore {
        let cpu = Double(state.free.cpuMillis) / Largest.cpuMillis * (Double(shape.cpuMillis) / Largest.cpuMillis)
        let gpu =
            Double(state.free.totalGPUMillis) / Largest.gpuMillis * (Double(shape.totalGPUMillis) / Largest.gpuMillis)
        return PlacementScore(
            value: (100 * (1 - (cpu + gpu) / 2)).rounded(.towardZero), gpu: tightest(shape, on: state))
    }
}

/// Shared GPUs first, then untouched GPUs of used nodes, then unused nodes.
struct GPUPacking: PlacementScorer {
    func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore {
        guard shape.gpuCount > 0 else { return PlacementScore(value: 0, gpu: 0) }
        let untouched = state.free.untouchedGPUs
        let gpu = tightest(shape, on: state)
        if untouched == state.free.gpuCount {
            return PlacementScore(value: Double(max(33 - untouched, untouched)), gpu: gpu)
        }
        if !shape.isShare || state.free.gpuMillis[gpu] == 1000 {
            return PlacementScore(value: Double(max(50 - shape.gpuCount, 33)), gpu: gpu)
        }
        let free = Int(state.free.gpuMillis[gpu]) * 100 / 1000
        return PlacementScore(value: Double(max(100 - free / 10, 50)), gpu: gpu)
    }
}

/// Nodes that already run the same kind of request, and only that; the fuller the better.
struct GPUClustering: PlacementScorer {
    func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore {
        let kind = NodeState.kind(of: shape)
        guard kind != 0 else { return PlacementScore(value: 0, gpu: 0) }
        let band =
            if state.kinds & kind != 0 { state.kinds == kind ? 75 : 50 } else { state.kinds == 0 ? 25 : 0 }
        return PlacementScore(
            value: Double(25 * (8000 - state.free.totalGPUMillis) / 8000 + band), gpu: tightest(shape, on: state))
    }
}

/// All nodes alike, for a choice at random.
struct AnyNode: PlacementScorer {
    func score(_ shape: PackingShape, on state: NodeState) -> PlacementScore { PlacementScore(value: 0, gpu: 0) }
}
