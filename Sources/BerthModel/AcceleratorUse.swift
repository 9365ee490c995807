/// What an attempt used of its GPUs, as their drivers tell.
public struct AcceleratorUse: Hashable, Sendable {
    /// The most that it held at one time, all its GPUs together; nil where no driver told.
    public var peakMemoryBytes: Int64?
    /// The difference of the energy counters of its whole GPUs; nil where none has one.
    public var energyJoules: Double?
    /// What a person should know: a share of a GPU's memory that was overrun.
    public var notes: [String]

    public init(peakMemoryBytes: Int64? = nil, energyJoules: Double? = nil, notes: [String] = []) {
        self.peakMemoryBytes = peakMemoryBytes
        self.energyJoules = energyJoules
        self.notes = notes
    }
}

/// Measures what attempts use of their GPUs.
public protocol AcceleratorMeter: Sendable {
    /// Begins to look at an attempt's GPUs; does nothing where it has none that a driver tells of.
    ///
    /// - Parameter processes: the attempt's processes now; asked at every look while the attempt shares a GPU.
    func begin(
        _ attempt: AttemptID, _ shares: [Allocation.DeviceShare], processes: @escaping @Sendable () -> Set<Int32>)
    /// Looks a last time and forgets the attempt; nil where nothing was measured.
    func end(_ attempt: AttemptID) -> AcceleratorUse?
}

extension Device {
    /// What of its memory goes with a share of it; nil where its memory is not known.
    public func memoryBytes(of share: Allocation.DeviceShare) -> Int64? {
        guard let memoryBytes, share.thousandths < GPURequest.whole else { return memoryBytes }
        let (wholes, rest) = memoryBytes.quotientAndRemainder(dividingBy: Int64(GPURequest.whole))
        return wholes * Int64(share.thousandths) + rest * Int64(share.thousandths) / Int64(GPURequest.whole)
    }
}
