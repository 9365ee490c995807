/// What speaks against a GPU at one look.
struct GPUEvidence: Equatable {
    /// Of its memories, since its driver was loaded; nil for a GPU without error correction.
    var uncorrectedErrors: UInt64?
    var temperature: Temperature?
    /// What else its driver says is wrong with it.
    var fault: String?

    /// Degrees Celsius.
    struct Temperature: Equatable {
        var now: UInt32
        /// Where the GPU shuts itself down.
        var shutdown: UInt32
    }

    /// Why the GPU is not to be given to jobs; nil where nothing is known against it.
    var problem: String? {
        if let uncorrectedErrors, uncorrectedErrors > 0 {
            return "ECC: \(uncorrectedErrors) uncorrected memory errors since its driver was loaded; reset the GPU"
        }
        if let fault { return "its driver says that \(fault)" }
        if let temperature, temperature.now >= temperature.shutdown {
            return "its temperature is \(temperature.now) °C, and it shuts down at \(temperature.shutdown) °C"
        }
        return nil
    }

    /// Whether an XID says that a job's own program failed, not the GPU: graphics exception, page fault, stopped channel,
    /// pre-emptive cleanup, video processor, context switch timeout (NVIDIA's XID catalogue, and what its Kubernetes
    /// device plugin leaves out).
    static func isJobsFault(xid: UInt64) -> Bool { [13, 31, 43, 45, 68, 109].contains(xid) }
}
