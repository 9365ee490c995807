/// Who decides what runs in the next round.
public enum GavelPolicy: String, CaseIterable, Sendable {
    /// Berth's own: knows each job's speed by type and what is left of it.
    case berth
    /// First come, first served, on a type drawn by chance and kept: the published baseline.
    case fifo
    /// Least attained service, blind to types: the published baseline.
    case las
}
