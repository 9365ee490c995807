/// What is free on one node.
public struct PackingNode: Hashable, Sendable {
    /// The most GPUs one node may have.
    public static let gpuLimit = 16

    /// Thousandths of a core.
    public var cpuMillis: Int
    public var memoryMebibytes: Int
    public let gpuCount: Int
    /// The number of the GPUs' model in a `ModelCatalog`.
    public let model: Int
    /// Free thousandths of each GPU; zero beyond `gpuCount`.
    public private(set) var gpuMillis: SIMD16<UInt16>

    /// A node with its GPUs untouched.
    ///
    /// - Precondition: at most `gpuLimit` GPUs.
    public init(cpuMillis: Int, memoryMebibytes: Int, gpuCount: Int, model: Int) {
        precondition((0...Self.gpuLimit).contains(gpuCount), "A node has at most 16 GPUs.")
        self.cpuMillis = cpuMillis
        self.memoryMebibytes = memoryMebibytes
        self.gpuCount = gpuCount
        self.model = model
        gpuMillis = .zero
        for gpu in 0..<gpuCount { gpuMillis[gpu] = 1000 }
    }

    /// A node in use.
    ///
    /// - Parameter gpuMillis: free thousandths of each GPU, 0 to 1000.
    /// - Precondition: at most `gpuLimit` GPUs.
    public init(cpuMillis: Int, memoryMebibytes: Int, gpuMillis: [Int], model: Int) {
        self.init(cpuMillis: cpuMillis, memoryMebibytes: memoryMebibytes, gpuCount: gpuMillis.count, model: model)
        for (gpu, millis) in gpuMillis.enumerated() { self.gpuMillis[gpu] = UInt16(max(0, min(millis, 1000))) }
    }

    /// Thousandths of a GPU free, over all GPUs.
    public var totalGPUMillis: Int { Int(gpuMillis.wrappedSum()) }

    /// GPUs that nothing runs on.
    public var untouchedGPUs: Int { gpus(withAtLeast: 1000) }

    /// GPUs with at least so many thousandths free.
    ///
    /// - Precondition: `millis` is 1 to 1000.
    public func gpus(withAtLeast millis: Int) -> Int {
        let holds = gpuMillis .>= SIMD16(repeating: UInt16(millis))
        return Int(SIMD16<UInt16>.zero.replacing(with: SIMD16(repeating: 1), where: holds).wrappedSum())
    }

    /// Whether `shape` can start here now.
    public func fits(_ shape: PackingShape) -> Bool {
        guard cpuMillis >= shape.cpuMillis, memoryMebibytes >= shape.memoryMebibytes else { return false }
        guard shape.gpuCount > 0 else { return true }
        return shape.models.contains(AcceleratorModels(model: model))
            && gpus(withAtLeast: shape.gpuMillis) >= shape.gpuCount
    }

    /// The node once `shape` runs here: a share on the GPU with the number `gpu`, whole GPUs on the first untouched.
    ///
    /// - Precondition: `shape` fits, a share on `gpu` itself.
    public func placing(_ shape: PackingShape, on gpu: Int = 0) -> PackingNode {
        var after = self
        after.cpuMillis -= shape.cpuMillis
        after.memoryMebibytes -= shape.memoryMebibytes
        if shape.isShare {
            after.gpuMillis[gpu] -= UInt16(shape.gpuMillis)
            return after
        }
        var missing = shape.gpuCount
        for gpu in 0..<gpuCount where missing > 0 && gpuMillis[gpu] == 1000 {
            after.gpuMillis[gpu] = 0
            missing -= 1
        }
        precondition(missing == 0, "The shape does not fit.")
        return after
    }

    /// The GPUs that `shape` would take: the share's own, or the first untouched.
    public func gpus(for shape: PackingShape, on gpu: Int = 0) -> [Int] {
        if shape.isShare { return [gpu] }
        return Array((0..<gpuCount).lazy.filter { gpuMillis[$0] == 1000 }.prefix(shape.gpuCount))
    }

    /// The node once `shape`, which runs here on these GPUs, has left.
    public func removing(_ shape: PackingShape, from gpus: [Int]) -> PackingNode {
        var after = self
        after.cpuMillis += shape.cpuMillis
        after.memoryMebibytes += shape.memoryMebibytes
        for gpu in gpus { after.gpuMillis[gpu] += UInt16(shape.gpuMillis) }
        return after
    }

    /// The GPUs a share may go to, the first of those with equal rest, which are interchangeable.
    public func choices(forShare shape: PackingShape) -> [Int] {
        var choices: [Int] = []
        for gpu in 0..<gpuCount where Int(gpuMillis[gpu]) >= shape.gpuMillis {
            if !choices.contains(where: { gpuMillis[$0] == gpuMillis[gpu] }) { choices.append(gpu) }
        }
        return choices
    }

    /// The GPU with the least rest that a share fits on, the first of equals.
    ///
    /// - Precondition: the share fits.
    public func tightestGPU(forShare shape: PackingShape) -> Int {
        var tightest: Int?
        for gpu in 0..<gpuCount where Int(gpuMillis[gpu]) >= shape.gpuMillis {
            if let best = tightest, gpuMillis[best] <= gpuMillis[gpu] { continue }
            tightest = gpu
        }
        guard let tightest else { preconditionFailure("The share does not fit.") }
        return tightest
    }
}
