/// What a task asks of one node. Tasks of one shape are interchangeable for packing.
public struct PackingShape: Hashable, Sendable {
    /// Thousandths of a core.
    public var cpuMillis: Int
    public var memoryMebibytes: Int
    public var gpuCount: Int
    /// Thousandths of each of its GPUs; below 1000 only where `gpuCount` is 1.
    public var gpuMillis: Int
    public var models: AcceleratorModels

    /// - Precondition: at most `PackingNode.gpuLimit` GPUs, and a share of one GPU only.
    public init(
        cpuMillis: Int, memoryMebibytes: Int, gpuCount: Int = 0, gpuMillis: Int = 0,
        models: AcceleratorModels = .any
    ) {
        precondition((0...PackingNode.gpuLimit).contains(gpuCount), "A node has at most 16 GPUs.")
        precondition(gpuCount <= 1 || gpuMillis == 1000, "More than one GPU is asked for whole.")
        precondition((0...1000).contains(gpuMillis), "A GPU has 1000 thousandths.")
        self.cpuMillis = cpuMillis
        self.memoryMebibytes = memoryMebibytes
        self.gpuCount = gpuMillis == 0 ? 0 : gpuCount
        self.gpuMillis = gpuCount == 0 ? 0 : gpuMillis
        self.models = models
    }

    /// Thousandths of a GPU, over all its GPUs.
    public var totalGPUMillis: Int { gpuCount * gpuMillis }

    /// Whether it wants a part of one GPU.
    public var isShare: Bool { gpuCount == 1 && gpuMillis < 1000 }
}
