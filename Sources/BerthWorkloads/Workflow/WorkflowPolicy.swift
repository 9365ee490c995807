/// Who orders a workflow's tasks.
public enum WorkflowPolicy: String, CaseIterable, Sendable {
    /// Berth's own, `WorkflowPlanner.best`.
    case berth
    /// First come, first served.
    case fifo
    /// Longest path first, each task where it ends first.
    case heft
}
