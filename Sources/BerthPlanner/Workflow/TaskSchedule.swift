/// Where and when each task of a graph runs.
public struct TaskSchedule: Hashable, Sendable {
    /// By task.
    public var placements: [Placement]

    public struct Placement: Hashable, Sendable {
        public var machine: Int
        /// Seconds from the workflow's start.
        public var start: Double
        public var end: Double
    }

    public var makespanSeconds: Double { placements.map(\.end).max() ?? 0 }
}
