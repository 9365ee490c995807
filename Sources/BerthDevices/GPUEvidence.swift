/// What speaks against a GPU at one look.
struct GPUEvidence: Equatable {
    var uncorrectedErrors: UInt64?
    /// Degrees Celsius.
    var temperature: (now: UInt32, shutdown: UInt32)?

    init(uncorrectedErrors: UInt64? = nil, temperature: (now: UInt32, shutdown: UInt32)? = nil) {
        self.uncorrectedErrors = uncorrectedErrors
        self.temperature = temperature
    }

    init(_ library: NVMLLibrary, _ index: Int) {
        self.init(
            uncorrectedErrors: library.uncorrectedErrors(index), temperature: library.temperature(index))
    }

    /// Why the GPU is not to be given to jobs; nil where nothing is known against it.
    var problem: String? {
        if let uncorrectedErrors, uncorrectedErrors > 0 {
            return "ECC: \(uncorrectedErrors) uncorrected memory errors since its driver was loaded; reset the GPU"
        }
        if let temperature, temperature.shutdown > 0, temperature.now >= temperature.shutdown {
            return "its temperature is \(temperature.now) °C, and it shuts down at \(temperature.shutdown) °C"
        }
        return nil
    }

    static func == (left: GPUEvidence, right: GPUEvidence) -> Bool {
        left.uncorrectedErrors == right.uncorrectedErrors && left.temperature?.now == right.temperature?.now
            && left.temperature?.shutdown == right.temperature?.shutdown
    }

    /// Whether an XID says that a job's own program failed, not the GPU: graphics exception, page fault, stopped channel,
    /// pre-emptive cleanup, video processor, context switch timeout (NVIDIA's XID catalogue, and what its Kubernetes
    /// device plugin leaves out).
    static func isJobsFault(xid: UInt64) -> Bool { [13, 31, 43, 45, 68, 109].contains(xid) }
}
